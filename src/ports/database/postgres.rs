//! Opening Postgres: once by itself, for an error that says what is wrong, then the pool.

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _};
use tokio::time::timeout;

use super::engine::{ACQUIRE_TIMEOUT, install};
use super::error::OpenError;
use super::pool::{Pool, pool};

/// A pool, and how to connect past it.
pub(super) async fn open(
    url: &str,
    connections: u32,
) -> Result<(AnyConnectOptions, Pool), OpenError> {
    install();
    let options: AnyConnectOptions =
        url.parse().map_err(|error: sqlx::Error| OpenError::BadUrl(error.to_string()))?;
    if !matches!(options.database_url.scheme(), "postgres" | "postgresql") {
        return Err(OpenError::BadUrl("it does not begin with postgres:".to_owned()));
    }
    let first: AnyConnection = match timeout(ACQUIRE_TIMEOUT, options.connect()).await {
        Ok(connected) => connected?,
        Err(_) => return Err(OpenError::Unreachable("no answer in time".to_owned())),
    };
    first.close().await.ok();
    Ok((options.clone(), pool(options, connections)))
}
