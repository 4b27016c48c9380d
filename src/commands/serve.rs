//! `stormproof serve`: one replica of one service, on Postgres and RabbitMQ, until it is told to
//! stop.

use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use stormproof_ports::Ports;
use stormproof_system::context::Context;
use stormproof_system::service::{SERVICES, Service};
use tokio::net::TcpListener;

use crate::brokers;
use crate::config::{Config, ConfigFile};
use crate::databases;
use crate::host::{Health, Host, Metrics, Replica, Siblings};
use crate::logging;
use crate::signals::Stop;
use stormproof_bindings::compute::ThreadPool;
use stormproof_bindings::database::Sql;
use stormproof_bindings::http::HttpClient;
use stormproof_bindings::mailer::Smtp;
use stormproof_bindings::queue::RabbitMq;
use stormproof_bindings::rng::SystemRng;

/// What to serve.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The service.
    #[arg(value_parser = PossibleValuesParser::new(SERVICES.map(|service| service.name)))]
    service: String,
    #[command(flatten)]
    config: ConfigFile,
    /// Drains and stops when its standard input ends, too: when whoever started it is gone.
    #[arg(long)]
    attached: bool,
}

/// Serves until a signal asks it to stop; a second signal cuts the drain short.
///
/// # Errors
/// Why it could not be run, or what broke.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let service = find(&arguments.service);
    let config = arguments.config.read(Config::default())?;
    config.check(service.name).map_err(|mistake| mistake.to_string())?;
    logging::install(config.log);
    let mut stop = Stop::listen(arguments.attached)?;
    let listener = listen(&config, service.name).await?;
    let database = Arc::new(open(&config, service).await?);
    let (mut host, queue) = start(&config, service, listener, database.clone())?;
    tracing::info!(service = service.name, address = %host.address(), "serves");
    let broken = tokio::select! {
        biased;
        () = stop.asked() => None,
        what = host.broken() => Some(what),
    };
    tokio::select! {
        biased;
        _ = host.drain(config.server.drain_deadline) => {}
        () = stop.asked() => {}
    }
    drop(queue);
    database.close().await;
    broken.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// The service with this name, which the command line has checked.
pub fn find(name: &str) -> Service {
    let found = SERVICES.into_iter().find(|service| service.name == name);
    found.expect("the command line takes services' names only")
}

async fn listen(config: &Config, service: &str) -> Result<TcpListener, String> {
    let address = config.listen_for(service);
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| {
        format!("cannot listen on {address}: {error}; set another address with STORMPROOF_LISTEN")
    })
}

/// The service's database, whose tables are today's.
async fn open(config: &Config, service: Service) -> Result<Sql, String> {
    let database = databases::connect(config, service.name).await?;
    databases::check(&database, service).await?;
    Ok(database)
}

/// Binds the ports and starts the replica.
fn start(
    config: &Config,
    service: Service,
    listener: TcpListener,
    database: Arc<Sql>,
) -> Result<(Host, Arc<RabbitMq>), String> {
    let broker = Arc::new(brokers::rabbit(config)?);
    let http = HttpClient::for_calls(config.peers(), config.shop.saga.call_timeout);
    let http = http.map_err(|error| format!("peers: {error}"))?;
    let mailer = Smtp::open(config.smtp.url.reveal(), &config.smtp.from);
    let node = config.node_of(service.name, &SystemRng);
    let ports = Ports {
        http: Arc::new(http),
        mailer: Arc::new(mailer.map_err(|error| format!("smtp: {error}"))?),
        compute: Arc::new(ThreadPool::new(config.hashes_at_once)),
        ..stormproof_bindings::ports(&node, database.clone(), broker.clone())
    };
    let context = Context::new(ports, Arc::new(config.shop.clone()));
    let replica = Replica {
        router: (service.router)(&context),
        workers: (service.workers)(&context),
        health: health(database, broker.clone()),
        metrics: Metrics::default().with(service.name, &context.ports),
        siblings: Siblings::at(&config.peers().remove(service.name).unwrap_or_default())?,
        ports: context.ports,
    };
    let host = Host::start(replica, listener, config.server);
    Ok((host.map_err(|error| format!("cannot serve: {error}"))?, broker))
}

fn health(database: Arc<Sql>, broker: Arc<RabbitMq>) -> Health {
    Health::default()
        .with("database", move || {
            let database = database.clone();
            Box::pin(async move { database.ping().await.map_err(|error| error.to_string()) })
        })
        .with("broker", move || {
            let broker = broker.clone();
            Box::pin(async move { broker.ping().await.map_err(|error| error.to_string()) })
        })
}
