//! The clinic on Postgres, RabbitMQ and a folder of mails, at loopback. Kill it at any moment.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use clinic::{appointment, calendar, reminders, setting};
use futures::future::join;
use sqlx::migrate::Migrator;
use stormproof_bindings::database::{Isolation, Sql};
use stormproof_bindings::{self as bindings, mailer::Maildrop, queue::RabbitMq};
use stormproof_ports::Ports;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_target(false).init();
    let calendar = ports("calendar", &calendar::migrator()).await?;
    let reminders = ports("reminders", &reminders::migrator()).await?;
    let listener = TcpListener::bind(format!("127.0.0.1:{}", setting("PORT", "8080"))).await?;
    let server = axum::serve(listener, calendar::router(&calendar, false));
    // Not spawned: with a worker that panics ends the process, which would look healthy and lie.
    let working = join(
        bindings::work(&calendar, calendar::workers(&calendar)),
        bindings::work(&reminders, reminders::workers(&reminders)),
    );
    Ok(join(server.into_future(), working).await.0?)
}

/// A service's ports; its tables and queues are there.
async fn ports(service: &str, tables: &Migrator) -> Result<Ports, Box<dyn Error>> {
    let (name, mails) = (setting("NAME", "clinic"), setting("MAILS", "target/mails"));
    let postgres = setting("POSTGRES", "postgres://postgres@127.0.0.1:5432");
    let database = Sql::postgres(&format!("{postgres}/{name}_{service}"), 8).await?;
    // As in the world, where one transaction runs after the other.
    let database = database.at(Isolation::Serializable);
    database.migrate(tables).await?;
    let broker = setting("AMQP", "amqp://guest:guest@127.0.0.1:5672/%2f");
    let broker = RabbitMq::open(&broker, &name)?.under(&format!("{name}."));
    broker.declare(&appointment::queues()).await?;
    let ports = bindings::ports(service, Arc::new(database), Arc::new(broker));
    let mailer = Arc::new(Maildrop::open(Path::new(&mails), "Clinic <desk@clinic.example>")?);
    // A service that calls others names them here: `http: Arc::new(HttpClient::new(urls)?)`.
    Ok(Ports { mailer, ..ports })
}
