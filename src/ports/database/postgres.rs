//! Opening Postgres: once past the pool, for an error that says what is wrong, then the pool.

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::timeout;

use super::engine::{ACQUIRE_TIMEOUT, install};
use super::error::OpenError;

/// What every connection of the pool begins with: no statement runs for long, no lock is waited
/// for longer than the caller waits for an answer, and a transaction that falls silent is thrown
/// out before it holds up the others for good.
const LIMITS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
                      SET idle_in_transaction_session_timeout = '10s'";

/// A pool, and how to connect past it.
pub(super) async fn open(
    url: &str,
    connections: u32,
) -> Result<(AnyConnectOptions, AnyPool), OpenError> {
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
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // BEGIN is the test.
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(LIMITS).await.map(drop) })
        })
        .connect_lazy_with(options.clone());
    Ok((options, pool))
}
