//! How often the shop's databases commit, by Postgres's own count: it numbers every transaction that
//! writes.
//!
//! What idle workers do is not counted, for looking for work is reading. What a transaction wrote in
//! vain, before it lost a race, is counted, and so are other applications of the same server: a load is
//! measured on a server that has nothing else to do. Numbers outlive a server's death, as counters of
//! replicas would not outlive theirs.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, Error};
use stormproof_system::service::SERVICES;

use crate::admin_client::ShopAddress;

/// The number of the next transaction that writes (PostgreSQL's documentation, "Transaction ID and
/// Snapshot Information Functions"); asking uses none up.
const NEXT: &str = "SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)";

/// How many transactions have written up to now, from a beginning that does not change.
///
/// # Errors
/// In words: why they cannot be counted.
pub async fn count(reach: &ShopAddress) -> Result<i64, String> {
    if reach.data.is_some() {
        return Err("SQLite counts none, and the shop keeps its files to itself".into());
    }
    let config = reach.config()?;
    let mut servers = BTreeMap::new();
    for service in SERVICES {
        let options: Result<PgConnectOptions, _> = config.database_url(service.name).parse();
        let options = options.map_err(|_| "database.url names no Postgres".to_owned())?;
        servers.insert((options.get_host().to_owned(), options.get_port()), options);
    }
    let mut sum = 0;
    for ((host, port), options) in servers {
        let next = next(&options).await;
        sum += next.map_err(|error| format!("Postgres at {host}:{port}: {error}"))?;
    }
    Ok(sum)
}

async fn next(options: &PgConnectOptions) -> Result<i64, Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let next = sqlx::query_scalar(NEXT).fetch_one(&mut connection).await;
    connection.close().await.ok();
    next
}
