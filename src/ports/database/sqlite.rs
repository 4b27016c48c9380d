//! Opening a SQLite file: as safely as SQLite can keep it, by one connection.
//!
//! The file is looked through once, past the pool: a damaged one is told at the start, not by the
//! order that first touches the damage.

use std::path::{Path, PathBuf};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use stormproof_ports::sqlite::{DURABLE, Pragma};

use super::engine::ACQUIRE_TIMEOUT;
use super::error::{OpenError, code};

/// A pool of one connection, which is never closed for being idle or old.
pub(super) async fn open(path: &Path) -> Result<AnyPool, OpenError> {
    let url = SqliteConnectOptions::new().filename(path).create_if_missing(true).to_url_lossy();
    let options = AnyConnectOptions::from_url(&url).map_err(|error| refusal(path, &error))?;
    let mut first: AnyConnection =
        options.connect().await.map_err(|error| refusal(path, &error))?;
    let looked = look_through(&mut first, path).await;
    first.close().await.ok();
    looked?;
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(settle(connection)))
        .connect_lazy_with(options);
    // From here on the file is ours, and not from the first transaction on.
    pool.acquire().await.map_err(|error| refusal(path, &error))?;
    Ok(pool)
}

async fn settle(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for pragma in &DURABLE {
        connection.execute(pragma.set).await?;
    }
    Ok(())
}

async fn look_through(connection: &mut AnyConnection, path: &Path) -> Result<(), OpenError> {
    let refused = |error: sqlx::Error| refusal(path, &error);
    settle(connection).await.map_err(refused)?;
    for Pragma { ask, held: expected, .. } in DURABLE {
        let held = one(connection, ask).await.map_err(refused)?;
        if held != expected {
            let words = format!("{ask} is {held}, not {expected}");
            return Err(OpenError::NotDurable(path.to_owned(), words));
        }
    }
    let found = one(connection, "PRAGMA integrity_check(1)").await.map_err(refused)?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(OpenError::Damaged(path.to_owned(), found)),
    }
}

/// The one value that a pragma answers, as text.
async fn one(connection: &mut AnyConnection, pragma: &'static str) -> Result<String, sqlx::Error> {
    let row = sqlx::query(pragma).fetch_one(connection).await?;
    row.try_get::<String, _>(0)
        .or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()))
}

/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>) as what to do about them.
fn refusal(path: &Path, error: &sqlx::Error) -> OpenError {
    let (file, words): (PathBuf, _) = (path.to_owned(), error.to_string());
    let primary = code(error).and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff);
    match primary {
        // BUSY, LOCKED.
        Some(5 | 6) => OpenError::InUse(file),
        // CORRUPT, NOTADB.
        Some(11 | 26) => OpenError::Damaged(file, words),
        // Most of all PERM, READONLY, IOERR, FULL, CANTOPEN.
        _ => OpenError::NotWritable(file, words),
    }
}
