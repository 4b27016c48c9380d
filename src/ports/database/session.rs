//! An open transaction on a connection of Postgres's pool. Dropping it rolls back.

use futures::future::BoxFuture;
use sqlx::{AnyConnection, Executor as _};
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::{DatabaseError, Session};
use tokio::runtime::Handle;

use super::engine::Isolation;
use super::error::{code, is_lost, of_commit};
use super::pool::{Kept, Pool, take};

/// A transaction on Postgres.
pub(super) struct PostgresSession {
    /// `None` once it has come to its end.
    connection: Option<Kept>,
    pool: Pool,
}

impl PostgresSession {
    /// Begins. A kept connection may have died unheard, of a server that was restarted say; since BEGIN
    /// has no effect, it is said again on the next one.
    pub(super) async fn begin(
        pool: &Pool,
        isolation: Isolation,
    ) -> Result<PostgresSession, DatabaseError> {
        let mut dead = 0;
        loop {
            let mut connection = take(pool).await?;
            match connection.connection.execute(isolation.begin()).await {
                Ok(_) => {
                    let (connection, pool) = (Some(connection), pool.clone());
                    return Ok(PostgresSession { connection, pool });
                }
                Err(error) => {
                    drop(Kept::take(connection));
                    if !is_lost(&error) || dead >= pool.status().max_size {
                        return Err(error.into());
                    }
                    dead += 1;
                }
            }
        }
    }
}

impl Session for PostgresSession {
    fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection.as_mut().expect("it is open").connection
    }

    fn forget_statements(&mut self) {
        self.pool.manager().forget(self.connection.as_ref().expect("it is open"));
    }

    fn time(&mut self) -> BoxFuture<'_, Result<Time, DatabaseError>> {
        Box::pin(async move {
            let micros = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
            Ok(Time(sqlx::query_scalar(micros).fetch_one(self.connection()).await?))
        })
    }

    /// Postgres answers COMMIT with a silent rollback when a statement failed before, so it is asked
    /// first: then it says 25P02.
    fn commit<'a>(
        mut self: Box<Self>,
        facts: &'a [Fact],
    ) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            sqlx::query("SELECT 1").execute(self.connection()).await?;
            self.commit_sound(facts).await
        })
    }

    fn commit_sound<'a>(
        mut self: Box<Self>,
        _facts: &'a [Fact],
    ) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let committed = self.connection().execute("COMMIT").await;
            let connection = self.connection.take().expect("it is open");
            committed.map(drop).map_err(|error| {
                // Who was answered with a code is out of the transaction, and may go on.
                if is_lost(&error) || code(&error).is_none() {
                    drop(Kept::take(connection));
                }
                of_commit(error)
            })
        })
    }
}

impl Drop for PostgresSession {
    /// Rolls back now and not when the connection is used again, for others may wait for its locks. Where
    /// nothing runs any more that could, the connection is closed.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                if connection.connection.execute("ROLLBACK").await.is_err() {
                    drop(Kept::take(connection));
                }
            })),
            Err(_) => drop(Kept::take(connection)),
        }
    }
}
