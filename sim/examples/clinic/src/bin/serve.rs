//! The clinic on Postgres, RabbitMQ and a folder of mails, at loopback. Kill it at any moment.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use clinic::{appointment, calendar, reminders};
use futures::future::{join, join_all, pending};
use sqlx::migrate::Migrator;
use stormproof_bindings::{
    clock::SystemClock, compute::ThreadPool, database::Sql, http::HttpClient, mailer::Maildrop,
    queue::RabbitMq, rng::SystemRng,
};
use stormproof_ports::Ports;
use stormproof_ports::worker::{self, Worker};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_target(false).init();
    let calendar = ports("calendar", &calendar::migrator()).await?;
    let reminders = ports("reminders", &reminders::migrator()).await?;
    let listener = TcpListener::bind(format!("127.0.0.1:{}", setting("PORT", "8080"))).await?;
    let server = axum::serve(listener, calendar::router(&calendar, false));
    // Not spawned: with a worker that panics ends the process, which would look healthy and lie.
    let working = join(work(&calendar, calendar::workers), work(&reminders, reminders::workers));
    Ok(join(server.into_future(), working).await.0?)
}

/// A service's ports; its tables and queues are there.
async fn ports(service: &str, tables: &Migrator) -> Result<Ports, Box<dyn Error>> {
    let (name, mails) = (setting("NAME", "clinic"), setting("MAILS", "target/mails"));
    let postgres = setting("POSTGRES", "postgres://postgres@127.0.0.1:5432");
    let database = Sql::postgres(&format!("{postgres}/{name}_{service}"), 8).await?;
    database.migrate(tables).await?;
    let broker = setting("AMQP", "amqp://guest:guest@127.0.0.1:5672/%2f");
    let broker = RabbitMq::open(&broker, &name)?.under(&format!("{name}."));
    broker.declare(&appointment::queues()).await?;
    Ok(Ports {
        node: service.into(),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        // A service that calls others names them here, with their URLs.
        http: Arc::new(HttpClient::new([].into())?),
        queue: Arc::new(broker),
        database: Arc::new(database),
        mailer: Arc::new(Maildrop::open(Path::new(&mails), "Clinic <desk@clinic.example>")?),
        compute: Arc::new(ThreadPool::new(1)),
        outbox_notify: Default::default(),
    })
}

async fn work(ports: &Ports, workers: fn(&Ports) -> Vec<Worker>) {
    let draw = |bound| ports.rng.below("jitter", bound);
    let run = |worker| worker::run(worker, &ports.node, &*ports.clock, draw, pending());
    join_all(workers(ports).into_iter().map(run)).await;
}

#[allow(clippy::disallowed_methods, reason = "this is no world")]
fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or(usual.to_owned())
}
