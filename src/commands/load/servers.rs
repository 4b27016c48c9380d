//! The shop's databases and the servers they are on, for whoever counts what happens there.

use std::collections::BTreeMap;

use sqlx::Connection as _;
use sqlx_postgres::{PgConnectOptions, PgConnection};
use stormproof_system::service::SERVICES;

use crate::admin_client::ShopAddress;

/// A server and those of the shop's databases that it has.
pub struct Server {
    /// Any of the databases, to connect to.
    pub options: PgConnectOptions,
    pub databases: Vec<String>,
}

/// The Store's database.
///
/// # Errors
/// As [`all`].
pub fn of_the_store(reach: &ShopAddress) -> Result<Server, String> {
    let options = options(reach, "store")?;
    let databases = vec![name(&options)];
    Ok(Server { options, databases })
}

/// All of them, by host and port.
///
/// # Errors
/// In words: there are none.
pub fn all(reach: &ShopAddress) -> Result<Vec<Server>, String> {
    let mut servers = BTreeMap::new();
    for service in SERVICES {
        let options = options(reach, service.name)?;
        let database = name(&options);
        let place = (options.get_host().to_owned(), options.get_port());
        let server = Server { options, databases: Vec::new() };
        servers.entry(place).or_insert(server).databases.push(database);
    }
    Ok(servers.into_values().collect())
}

fn options(reach: &ShopAddress, service: &str) -> Result<PgConnectOptions, String> {
    if reach.data.is_some() {
        return Err("SQLite counts nothing, and the shop keeps its files to itself".into());
    }
    let options = reach.config()?.database_url(service).parse();
    options.map_err(|_| "database.url names no Postgres".to_owned())
}

/// Unless it is said, a database is named as its user.
fn name(options: &PgConnectOptions) -> String {
    options.get_database().unwrap_or(options.get_username()).to_owned()
}

impl Server {
    /// Connects, to its database of this name if one is given, and asks.
    ///
    /// # Errors
    /// In words: it cannot be reached, or does not answer.
    pub async fn ask<T>(
        &self,
        database: Option<&str>,
        question: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T, String> {
        let options = self.options.clone();
        let options = match database {
            Some(database) => options.database(database),
            None => options,
        };
        let asked = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            let answer = question(&mut connection).await;
            connection.close().await.ok();
            answer
        };
        asked.await.map_err(|error| {
            format!("Postgres at {}:{}: {error}", options.get_host(), options.get_port())
        })
    }
}
