//! Connections to Postgres that are kept between transactions, and never more than so many.
//!
//! Taking and giving back cost no round trip: BEGIN finds out whether a kept connection still lives.

use std::sync::atomic::{AtomicU64, Ordering};
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

/// A connection, and which generation of them it is of.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) connection: AnyConnection,
    generation: u64,
}

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connector {
    options: AnyConnectOptions,
    /// Those of the generations before are not used any more: they have compiled statements for tables that
    /// have changed since. sqlx's `Any` has no other way to make Postgres forget them.
    generation: AtomicU64,
}

impl Manager for Connector {
    type Type = Made;
    type Error = sqlx::Error;

    /// Waits a little for a server that is away.
    async fn create(&self) -> Result<Made, sqlx::Error> {
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

    async fn recycle(&self, made: &mut Made, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        let is_latest = made.generation == self.generation.load(Ordering::Relaxed);
        match (is_latest, metrics.age() < KEPT_FOR) {
            (true, true) => Ok(()),
            (false, _) => Err(RecycleError::message("tables have changed since")),
            (_, false) => Err(RecycleError::message("it has been kept for long enough")),
        }
    }
}

impl Connector {
    async fn connect(&self) -> Result<Made, sqlx::Error> {
        let generation = self.generation.load(Ordering::Relaxed);
        let mut connection: AnyConnection = self.options.connect().await?;
        connection.execute(BEGINNING).await?;
        Ok(Made { connection, generation })
    }

    /// What `made` has compiled is not to be used any more, nor what others have that are as old.
    pub(super) fn forget(&self, made: &Made) {
        let next = made.generation + 1;
        // One of its generation is told of first. The others that find out know of no newer tables.
        let told = (Ordering::Relaxed, Ordering::Relaxed);
        if self.generation.compare_exchange(made.generation, next, told.0, told.1).is_ok() {
            tracing::info!("tables have changed: connections are made anew");
        }
    }
}

/// A pool of at most `connections`, none of which is made yet.
pub(super) fn pool(options: AnyConnectOptions, connections: u32) -> Pool {
    let connections = usize::try_from(connections).expect("32 bits are a size");
    let wait = Some(ACQUIRE_TIMEOUT);
    // Connecting has a deadline of its own, whose error says more.
    let timeouts = Timeouts { wait, create: wait.map(|wait| wait * 2), recycle: None };
    Pool::builder(Connector { options, generation: AtomicU64::new(0) })
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
        Object::take(connection).connection.close().await.ok();
    }
}
