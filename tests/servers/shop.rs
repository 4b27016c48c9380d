//! What the whole shop needs for a test: a database for each service, and a virtual host with its
//! queues. All of it goes with the test.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::process::{Command, Stdio};

use futures::FutureExt as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sqlx_postgres::{PgConnectOptions, PgConnection};
use stormproof_system::service::SERVICES;

use super::own::SCRIPTS;
use super::shared::{Control, SharedRabbit};
use super::{or_skip, shared};

/// Runs `test` with real servers, and drops what they held for it, whether it passes or not.
pub async fn with_servers(name: &str, test: impl AsyncFnOnce(&Servers)) {
    let Some(servers) = Servers::find(name) else { return };
    let tested = AssertUnwindSafe(test(&servers)).catch_unwind().await;
    servers.drop_all().await;
    if let Err(panic) = tested {
        resume_unwind(panic);
    }
}

/// The URLs of a Postgres and a RabbitMQ for those who make what they need themselves; `None`, with
/// the reason told, if there are none.
pub fn addresses(purpose: &str) -> Option<(String, String)> {
    let postgres = or_skip(purpose, shared::postgres())?;
    let rabbit = or_skip(purpose, shared::rabbitmq())?;
    Some((postgres.url.clone(), rabbit.url.clone()))
}

/// Postgres databases, one for each service, and RabbitMQ.
pub struct Servers {
    /// The URL of the database that every server has.
    postgres: String,
    prefix: String,
    broker: String,
    vhost: Option<Vhost>,
}

impl Servers {
    /// `None`, with the reason told, if there are none.
    fn find(name: &str) -> Option<Servers> {
        let postgres = or_skip(name, shared::postgres())?;
        let rabbit = or_skip(name, shared::rabbitmq())?;
        let prefix = format!("stormproof_{name}_{}", std::process::id());
        let mut servers = Servers::at(&postgres.url, &rabbit.url, prefix);
        // A virtual host of its own where we may make one: queues are named by the shop.
        servers.vhost = Vhost::make(rabbit, &servers.prefix);
        if let Some(vhost) = &servers.vhost {
            servers.broker = vhost.url();
        }
        Some(servers)
    }

    /// Servers that a test has for itself: their URLs, and what its databases' names begin with.
    pub fn at(postgres: &str, broker: &str, prefix: String) -> Servers {
        let (postgres, broker) = (postgres.to_owned(), broker.to_owned());
        Servers { postgres, prefix, broker, vhost: None }
    }

    /// With `{service}` for the service's name.
    pub fn database_url(&self) -> String {
        self.server_url(&format!("{}_{{service}}", self.prefix))
    }

    /// One of the server's databases.
    pub fn server_url(&self, name: &str) -> String {
        let mut url: reqwest::Url = self.postgres.parse().expect("a URL of Postgres");
        url.set_path(name);
        url.as_str().replace("%7B", "{").replace("%7D", "}")
    }

    pub fn broker_url(&self) -> &str {
        &self.broker
    }

    /// Reads a number from the database of `service`.
    pub async fn number(&self, service: &str, sql: &'static str) -> i64 {
        self.try_number(service, sql).await.expect("the server is up, and the tables are there")
    }

    /// The same where the server may be away.
    pub async fn try_number(&self, service: &str, sql: &'static str) -> Result<i64, sqlx::Error> {
        let mut connection = self.connect(&format!("{}_{service}", self.prefix)).await?;
        let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        connection.close().await.ok();
        number
    }

    /// Does something to the database of `service`, past the shop.
    pub async fn execute(&self, service: &str, sql: &str) {
        let mut connection = self.connect(&format!("{}_{service}", self.prefix)).await;
        let connection = connection.as_mut().expect("the server is up");
        connection.execute(AssertSqlSafe(sql.to_owned())).await.expect("the statement is one");
    }

    /// Leaves nothing behind.
    async fn drop_all(self) {
        let mut server = self.connect("postgres").await.expect("the server answered before");
        for service in SERVICES {
            let name = format!("{}_{}", self.prefix, service.name);
            let sql = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
            server.execute(AssertSqlSafe(sql)).await.expect("we made it");
        }
        server.close().await.ok();
        if let Some(vhost) = self.vhost {
            vhost.control(&["delete_vhost", &vhost.name]);
        }
    }

    async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        let options: PgConnectOptions = self.postgres.parse().expect("a URL of Postgres");
        PgConnection::connect_with(&options.database(database)).await
    }
}

/// A virtual host of a test's own.
struct Vhost {
    rabbit: &'static SharedRabbit,
    name: String,
}

impl Vhost {
    /// `None` where we must not, or may not.
    fn make(rabbit: &'static SharedRabbit, name: &str) -> Option<Vhost> {
        let vhost = Vhost { rabbit, name: name.to_owned() };
        let made = vhost.control(&["add_vhost", name])
            && vhost.control(&["set_permissions", "-p", name, "guest", ".*", ".*", ".*"]);
        made.then_some(vhost)
    }

    fn url(&self) -> String {
        let server = self.rabbit.url.rsplit_once('/').expect("it names a virtual host").0;
        format!("{server}/{}", self.name)
    }

    /// Whether `rabbitmqctl` has done it.
    fn control(&self, arguments: &[&str]) -> bool {
        let mut command = match &self.rabbit.control {
            Control::No => return false,
            Control::Usual => Command::new("rabbitmqctl"),
            Control::With(environment) => {
                let mut command = Command::new(Path::new(SCRIPTS).join("rabbitmqctl"));
                command.env_clear().envs(environment);
                command
            }
        };
        command.arg("-q").args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}
