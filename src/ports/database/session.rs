//! An open transaction on a connection of the pool. Dropping it rolls back.

use futures::future::BoxFuture;
use sqlx::{Any, AnyConnection, AnyPool, Transaction};
use stormproof_ports::story::Fact;
use stormproof_ports::{DatabaseError, Session};

use super::engine::Engine;
use super::error::{is_lost, of_commit};

/// What [`begin`] opens.
pub(super) struct SqlSession {
    transaction: Transaction<'static, Any>,
    /// Postgres answers COMMIT with a silent rollback when a statement failed before, so it is
    /// asked first: then it says 25P02. SQLite undoes the failed statement alone.
    asks_first: bool,
}

/// Opens a transaction. A kept connection may have died unheard, of a server that was
/// restarted say; since BEGIN has no effect, it is said again on the next one.
pub(super) async fn begin(pool: &AnyPool, engine: &Engine) -> Result<SqlSession, DatabaseError> {
    let (statement, asks_first, dead_max) = match engine {
        Engine::Postgres { connections, isolation, .. } => (isolation.begin(), true, *connections),
        Engine::Sqlite => ("BEGIN IMMEDIATE", false, 1),
    };
    let mut dead = 0;
    loop {
        match pool.begin_with(statement).await {
            Ok(transaction) => return Ok(SqlSession { transaction, asks_first }),
            Err(error) if is_lost(&error) && dead < dead_max => dead += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

impl Session for SqlSession {
    fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    fn commit<'a>(
        mut self: Box<Self>,
        _facts: &'a [Fact],
    ) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            if self.asks_first {
                sqlx::query("SELECT 1").execute(&mut *self.transaction).await?;
            }
            self.commit_sound(&[]).await
        })
    }

    fn commit_sound<'a>(
        self: Box<Self>,
        _facts: &'a [Fact],
    ) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a,
    {
        Box::pin(async move { self.transaction.commit().await.map_err(of_commit) })
    }
}
