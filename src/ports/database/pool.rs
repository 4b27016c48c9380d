//! Connections to Postgres that are kept between transactions, and never more than so many.
//!
//! Taking and giving back cost no round trip: BEGIN finds out whether a kept connection still lives.

use std::time::Duration;

use deadpool::managed::{
    Manager, Metrics, Object, PoolError, RecycleError, RecycleResult, Timeouts,
};
use deadpool::{Runtime, managed};
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::{Instant, sleep};

use super::engine::ACQUIRE_TIMEOUT;
use super::error::is_lost;

/// What every connection to Postgres begins with: no statement runs for long, no lock is waited for longer
/// than the caller waits for an answer, and a transaction that falls silent is thrown out before it holds
/// up the others for good.
///
/// A table is read from end to end only where there is no index to go by: a connection keeps the plan that it
/// made of a statement while the table was empty, which would be a scan. The price of one that has to
/// be is exaggerated by it, so that it is not taken for work that is worth compiling.
pub const BEGINNING: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
                             SET idle_in_transaction_session_timeout = '10s'; \
                             SET enable_seqscan = off; SET jit = off";

/// How long a connection is kept. Its plans are of the tables as they were when it made them, unless
/// somebody analyzes them; the next one makes its own.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// How often a server is asked again that is away or comes up.
const ASK_AGAIN: Duration = Duration::from_millis(100);

pub(super) type Pool = managed::Pool<Connector>;

/// A connection that goes back when it is dropped.
pub(super) type Kept = Object<Connector>;

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connector(AnyConnectOptions);

impl Manager for Connector {
    type Type = AnyConnection;
    type Error = sqlx::Error;

    /// Waits a little for a server that is away.
    async fn create(&self) -> Result<AnyConnection, sqlx::Error> {
        let deadline = Instant::now() + ACQUIRE_TIMEOUT;
        loop {
            match self.connect().await {
                Err(error) if is_lost(&error) && Instant::now() + ASK_AGAIN < deadline => {
                    sleep(ASK_AGAIN).await;
                }
                result => return result,
            }
        }
    }

    async fn recycle(
        &self,
        _: &mut AnyConnection,
        metrics: &Metrics,
    ) -> RecycleResult<sqlx::Error> {
        match metrics.age() < KEPT_FOR {
            true => Ok(()),
            false => Err(RecycleError::message("it has been kept for long enough")),
        }
    }
}

impl Connector {
    async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection: AnyConnection = self.0.connect().await?;
        connection.execute(BEGINNING).await?;
        Ok(connection)
    }
}

/// A pool of at most `connections`, none of which is made yet.
pub(super) fn pool(options: AnyConnectOptions, connections: u32) -> Pool {
    let connections = usize::try_from(connections).expect("32 bits are a size");
    let wait = Some(ACQUIRE_TIMEOUT);
    // Connecting has a deadline of its own, whose error says more.
    let timeouts = Timeouts { wait, create: wait.map(|wait| wait * 2), recycle: None };
    Pool::builder(Connector(options))
        .max_size(connections)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()
        .expect("the runtime is named")
}

/// A connection: one that was kept, or a new one.
pub(super) async fn take(pool: &Pool) -> Result<Kept, sqlx::Error> {
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => error,
        PoolError::Closed => sqlx::Error::PoolClosed,
        _ => sqlx::Error::PoolTimedOut,
    })
}

/// Waits for the connections in use, and closes all.
pub(super) async fn close(pool: &Pool) {
    let mut kept = Vec::new();
    while kept.len() < pool.status().size {
        match pool.get().await {
            Ok(connection) => kept.push(connection),
            Err(_) => break,
        }
    }
    pool.close();
    for connection in kept {
        Object::take(connection).close().await.ok();
    }
}
