//! What a rehearsal has of the real servers for itself: a database for each service on Postgres, and
//! exchanges and queues with a prefix of its own on RabbitMQ. Both are gone when it ends, however it
//! ends.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use futures::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sqlx_postgres::{PgConnectOptions, PgConnection};
use stormproof_ports::Rng;
use stormproof_ports::trace::hex;
use stormproof_system::service::SERVICES;
use stormproof_system::topology;
use url::Url;

use crate::brokers;
use crate::config::Config;
use crate::databases;
use stormproof_bindings::queue::{DeclareError, RabbitMq};
use stormproof_bindings::rng::SystemRng;

/// The rehearsal's own part of both servers.
pub struct Sandbox {
    /// How to reach it directly.
    pub config: Config,
    /// Where the servers are.
    pub postgres: SocketAddr,
    pub rabbit: SocketAddr,
    pub broker: Arc<RabbitMq>,
    /// The databases' address, with any database.
    server: Url,
}

/// How often the broker is asked for its queues; each time is waited for.
const DECLARE_TRIES: u32 = 3;

/// Stands for a database's name while an address is taken apart.
const NAME: &str = "database-of-the-rehearsal";

impl Sandbox {
    /// Where it will be on the servers of `config`, under names that are drawn. Nothing is made yet.
    ///
    /// # Errors
    /// Which server cannot be used, and why.
    pub fn plan(config: &Config) -> Result<Sandbox, String> {
        let run = drawn();
        let bad_url = || "database.url: expected postgres://user@host:5432/name".to_owned();
        let mut server: Url = config.database.url.reveal().parse().map_err(|_| bad_url())?;
        let postgres = find("Postgres", server.host_str(), server.port().unwrap_or(5432))?;
        server.set_path(NAME);
        let name = format!("stormproof_rehearsal_{run}_{{service}}");
        let mut config = config.clone();
        config.database.url = server.as_str().replace(NAME, &name).as_str().into();
        config.broker.prefix = format!("rehearsal-{run}.");
        let bad_url = || "broker.url: expected amqp://user:password@host:5672/vhost".to_owned();
        let url: Url = config.broker.url.reveal().parse().map_err(|_| bad_url())?;
        match url.scheme() {
            "amqp" => {}
            "amqps" => {
                let why = "broker.url: a rehearsal reads along, so it needs amqp, not amqps";
                return Err(why.to_owned());
            }
            _ => return Err(bad_url()),
        }
        let rabbit = find("RabbitMQ", url.host_str(), url.port().unwrap_or(5672))?;
        let broker = Arc::new(brokers::rabbit(&config)?);
        Ok(Sandbox { config, postgres, rabbit, broker, server })
    }

    /// Makes databases and queues.
    ///
    /// # Errors
    /// What cannot be made, and why. Some may be there by then.
    pub async fn make(&self) -> Result<(), String> {
        let config = &self.config;
        try_join_all(SERVICES.into_iter().map(|service| async move {
            databases::create(&config.database_url(service.name)).await?;
            databases::migrate(config, service).await
        }))
        .await?;
        let mut tries = 1;
        loop {
            match self.broker.declare(&topology::of_shop()).await {
                // A broker that is busy with others takes a while to let us in.
                Err(DeclareError::Lost(_)) if tries < DECLARE_TRIES => tries += 1,
                declared => return declared.map_err(|error| format!("the broker: {error}")),
            }
        }
    }

    /// Leaves nothing behind.
    ///
    /// # Errors
    /// What is left, and why.
    pub async fn remove(&self) -> Result<(), String> {
        let topology = topology::of_shop();
        let (undeclared, dropped) =
            tokio::join!(self.broker.undeclare(&topology), self.drop_databases());
        undeclared.map_err(|error| {
            format!("queues named {}… are left: {error}", self.config.broker.prefix)
        })?;
        dropped.map_err(|error| format!("databases are left on Postgres: {error}"))
    }

    /// All at once: each waits for a checkpoint, and one is enough for all.
    async fn drop_databases(&self) -> Result<(), sqlx::Error> {
        let options: PgConnectOptions = self.server.as_str().parse()?;
        let options = &options.database("postgres");
        let dropped = SERVICES.iter().map(|service| async move {
            let mut server = PgConnection::connect_with(options).await?;
            let own: PgConnectOptions = self.config.database_url(service.name).parse()?;
            let name = own.get_database().unwrap_or_default().to_owned();
            let sql = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
            server.execute(AssertSqlSafe(sql)).await?;
            server.close().await
        });
        try_join_all(dropped).await.map(drop)
    }

    /// The address of a service's database behind a door. Commits are read along, so not encrypted.
    pub fn database_behind(&self, service: &str, port: u16) -> String {
        let mut url: Url = self.config.database_url(service).parse().expect("it was an address");
        url.set_host(Some("127.0.0.1")).expect("it has a host");
        url.set_port(Some(port)).expect("it has a host");
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "sslmode" && name != "ssl-mode")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept).append_pair("sslmode", "disable");
        url.into()
    }

    /// The broker's address behind a door.
    pub fn broker_behind(&self, port: u16) -> String {
        let mut url: Url = self.config.broker.url.reveal().parse().expect("it was an address");
        url.set_host(Some("127.0.0.1")).expect("it has a host");
        url.set_port(Some(port)).expect("it has a host");
        url.into()
    }
}

fn find(server: &str, host: Option<&str>, port: u16) -> Result<SocketAddr, String> {
    let host = host.filter(|host| !host.is_empty()).unwrap_or("127.0.0.1");
    let found = (host, port).to_socket_addrs();
    let mut found = found.map_err(|error| format!("{server} at {host}: {error}"))?;
    found.next().ok_or_else(|| format!("{server}: {host} has no address"))
}

fn drawn() -> String {
    let mut bytes = [0; 5];
    SystemRng.fill("id", &mut bytes);
    let mut run = String::new();
    hex(&mut run, &bytes);
    run
}
