//! The services' databases on Postgres, where the configuration says they are: connecting, making
//! one, bringing it to today's tables, refusing one that is behind.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sqlx_postgres::{PgConnectOptions, PgConnection};
use stormproof_ports::{Database as _, DatabaseError};
use stormproof_system::service::Service;

use crate::config::Config;
use stormproof_bindings::database::{OpenError, Sql};

/// The database of `service`. An error does not repeat the URL, which may hold a password.
///
/// # Errors
/// If it cannot be reached.
pub async fn connect(config: &Config, service: &str) -> Result<Sql, String> {
    let url = config.database_url(service);
    let opened = Sql::postgres(&url, config.database.connections).await;
    opened.map_err(|error| match error {
        error @ OpenError::BadUrl(_) => format!("database.url is {error}"),
        error => format!("the database of {service}: {error}"),
    })
}

/// Brings the database of `service` to today's tables.
///
/// # Errors
/// If it cannot be reached, or a migration fails.
pub async fn migrate(config: &Config, service: Service) -> Result<(), String> {
    let database = connect(config, service.name).await?;
    let migrated = database.migrate(&service.migrator()).await;
    database.close().await;
    migrated.map_err(|error| format!("the database of {}: {error}", service.name))
}

/// Refuses a database that lacks a table of today's, or holds another service's: every request would
/// fail, one by one. One that is ahead is another version's, which the tables of ours outlive.
///
/// # Errors
/// If a migration is missing, or the database cannot be asked.
pub async fn check(database: &Sql, service: Service) -> Result<(), String> {
    let name = service.name;
    let behind = || {
        format!("the database of {name} lacks its tables: run `stormproof migrate {name}` first")
    };
    let unreachable = |error: DatabaseError| format!("the database of {name}: {error}");
    let mut session = database.begin().await.map_err(unreachable)?;
    let sql = "SELECT version, checksum FROM _sqlx_migrations WHERE success";
    let applied = sqlx::query_as(sql).fetch_all(session.connection()).await;
    let applied: BTreeMap<i64, Vec<u8>> = match applied {
        Ok(rows) => rows.into_iter().collect(),
        // undefined_table: without its table of migrations a database has none.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => {
            BTreeMap::new()
        }
        Err(error) => return Err(unreachable(error.into())),
    };
    let migrator = service.migrator();
    let is_there = |version, checksum: &[u8]| {
        applied.get(&version).is_some_and(|applied| applied.as_slice() == checksum)
    };
    match migrator.iter().all(|migration| is_there(migration.version, &migration.checksum)) {
        true => Ok(()),
        false => Err(behind()),
    }
}

/// Makes the database that `url` names, if the server has none of that name.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub async fn create(url: &str) -> Result<(), String> {
    let (mut server, name) = server_of(url, "make").await?;
    let statement =
        format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
    let made = server.execute(AssertSqlSafe(statement)).await;
    server.close().await.ok();
    match made {
        // duplicate_database; unique_violation when two make it at once.
        Err(sqlx::Error::Database(error))
            if matches!(error.code().as_deref(), Some("42P04" | "23505")) =>
        {
            Ok(())
        }
        made => made.map(drop).map_err(|error| format!("cannot make the database {name}: {error}")),
    }
}

/// Drops the database that `url` names, whoever is connected to it.
///
/// # Errors
/// As [`create`].
pub async fn remove(url: &str) -> Result<(), String> {
    let (mut server, name) = server_of(url, "drop").await?;
    let statement = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
    let dropped = server.execute(AssertSqlSafe(statement)).await;
    server.close().await.ok();
    dropped.map(drop).map_err(|error| format!("cannot drop the database {name}: {error}"))
}

/// A connection to the server of a database that somebody wants to make or drop, and the database's name as it
/// is written between quotes.
async fn server_of(url: &str, wanted: &str) -> Result<(PgConnection, String), String> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|_| "database.url: expected postgres://user@host:5432/name".to_owned())?;
    let name = options.get_database().ok_or("database.url: expected the name of a database")?;
    let name = name.replace('"', "\"\"");
    // Every server has this one; it is where others are made from.
    let options = options.clone().database("postgres");
    let server = PgConnection::connect_with(&options).await;
    let failed = |error| format!("cannot {wanted} the database {name}: {error}");
    let server = server.map_err(failed)?;
    Ok((server, name))
}
