//! Real servers for a test: databases and a virtual host of its own, dropped at its end.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::FutureExt as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use stormproof_system::service::SERVICES;

/// Runs `test` with real servers, and drops what they held for it, whether it passes or not.
pub async fn with_servers(name: &str, test: impl AsyncFnOnce(&Servers)) {
    let Some(servers) = Servers::find(name).await else { return };
    let tested = AssertUnwindSafe(test(&servers)).catch_unwind().await;
    servers.drop_all().await;
    if let Err(panic) = tested {
        resume_unwind(panic);
    }
}

/// Postgres databases, one for each service, and RabbitMQ.
pub struct Servers {
    postgres: String,
    prefix: String,
    broker: String,
    vhost: Option<String>,
}

impl Servers {
    /// `None` if one of the servers does not answer, which is said; with `STORMPROOF_REQUIRE_REAL=1`
    /// the test fails then.
    async fn find(name: &str) -> Option<Servers> {
        let variable = |name: &str, default: &str| std::env::var(name).unwrap_or(default.into());
        let postgres = variable("STORMPROOF_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432");
        let broker = variable("STORMPROOF_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f");
        for (url, port) in [(&postgres, 5432), (&broker, 5672)] {
            if !answers(url, port) {
                let require = std::env::var("STORMPROOF_REQUIRE_REAL").as_deref() == Ok("1");
                assert!(!require, "nothing answers at {url}");
                eprintln!("skipped: nothing answers at {url}");
                return None;
            }
        }
        let prefix = format!("stormproof_{name}_{}", std::process::id());
        // A virtual host of its own where we may make one: queues are named by the shop.
        let is_ours = std::env::var("STORMPROOF_AMQP_URL").is_err();
        let vhost = Some(prefix.clone()).filter(|vhost| is_ours && make_vhost(vhost));
        let broker = match &vhost {
            Some(vhost) => format!("amqp://guest:guest@127.0.0.1:5672/{vhost}"),
            None => broker,
        };
        Some(Servers { postgres, prefix, broker, vhost })
    }

    /// With `{service}` for the service's name.
    pub fn database_url(&self) -> String {
        format!("{}/{}_{{service}}", self.postgres, self.prefix)
    }

    /// One of the server's own databases.
    pub fn server_url(&self, name: &str) -> String {
        format!("{}/{name}", self.postgres)
    }

    pub fn broker_url(&self) -> &str {
        &self.broker
    }

    /// Reads a number from the database of `service`.
    pub async fn number(&self, service: &str, sql: &'static str) -> i64 {
        let mut connection = self.connect(&format!("{}_{service}", self.prefix)).await;
        let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        connection.close().await.ok();
        number.expect("the tables are there")
    }

    /// Leaves nothing behind.
    async fn drop_all(self) {
        let mut server = self.connect("postgres").await;
        for service in SERVICES {
            let name = format!("{}_{}", self.prefix, service.name);
            let sql = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
            server.execute(AssertSqlSafe(sql)).await.expect("we made it");
        }
        server.close().await.ok();
        if let Some(vhost) = &self.vhost {
            rabbitmqctl(&["delete_vhost", vhost]);
        }
    }

    async fn connect(&self, database: &str) -> PgConnection {
        let options: PgConnectOptions = self.postgres.parse().expect("a URL of Postgres");
        let options = options.database(database);
        PgConnection::connect_with(&options).await.expect("the server answered before")
    }
}

fn answers(url: &str, port: u16) -> bool {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next());
    let host = authority.and_then(|authority| authority.rsplit('@').next()).unwrap_or_default();
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
    let address = host.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    address
        .is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
}

fn make_vhost(vhost: &str) -> bool {
    rabbitmqctl(&["add_vhost", vhost])
        && rabbitmqctl(&["set_permissions", "-p", vhost, "guest", ".*", ".*", ".*"])
}

fn rabbitmqctl(arguments: &[&str]) -> bool {
    let mut command = Command::new("rabbitmqctl");
    let command = command.arg("-q").args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
