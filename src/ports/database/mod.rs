//! Databases: Postgres through a pool, and SQLite through one connection.
//!
//! What Postgres's transactions see of each other is READ COMMITTED unless [`Sql::at`] says otherwise;
//! SQLite's are serial, because it is one connection on which they take turns. Statements are the same text on
//! both, by sqlx's `Any`. What failed is told by `error`.

mod engine;
mod error;
mod pool;
mod postgres;
mod session;
mod sqlite;

use std::path::Path;

use futures::future::BoxFuture;
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _};
use stormproof_ports::{Database, DatabaseError, Session};

use engine::Engine;
pub use engine::{Isolation, install};
pub use error::OpenError;
pub use pool::BEGINNING;
use session::PostgresSession;
use sqlite::SqliteFile;

/// An open database.
pub struct Sql {
    engine: Engine,
}

impl Sql {
    /// Postgres at `url` (`postgres://user@host:5432/name`), with at most so many connections and
    /// transactions that are READ COMMITTED.
    ///
    /// # Errors
    /// If `url` is none, or the server cannot be reached or does not let us in.
    pub async fn postgres(url: &str, connections: u32) -> Result<Sql, OpenError> {
        install();
        let (options, pool) = postgres::open(url, connections).await?;
        let isolation = Isolation::default();
        Ok(Sql { engine: Engine::Postgres { options, pool, isolation } })
    }

    /// The same database, whose transactions are at another level. SQLite has one only, and stays as it
    /// is.
    #[must_use]
    pub fn at(mut self, level: Isolation) -> Sql {
        if let Engine::Postgres { isolation, .. } = &mut self.engine {
            *isolation = level;
        }
        self
    }

    /// The SQLite file at `path`, which is made if there is none. It is this process's alone until
    /// [`close`](Sql::close), and every commit is on the disk when it returns.
    ///
    /// # Errors
    /// If the file is damaged, in use by another process, or cannot be written.
    pub async fn sqlite(path: &Path) -> Result<Sql, OpenError> {
        install();
        Ok(Sql { engine: Engine::Sqlite(SqliteFile::open(path).await?) })
    }

    /// Brings the database to today's tables. Several replicas may do so at once.
    ///
    /// # Errors
    /// If a migration fails, or one that was applied has changed since.
    pub async fn migrate(&self, migrator: &Migrator) -> Result<(), OpenError> {
        match &self.engine {
            // Past the pool, whose connections bound how long a statement or a lock may take.
            Engine::Postgres { options, .. } => {
                let mut connection: AnyConnection = options.connect().await?;
                let migrated = migrator.run(&mut connection).await;
                connection.close().await.ok();
                Ok(migrated?)
            }
            Engine::Sqlite(file) => file.migrate(migrator).await,
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// If it does not, within a few seconds.
    pub async fn ping(&self) -> Result<(), OpenError> {
        match &self.engine {
            Engine::Postgres { pool, .. } => Ok(pool::take(pool).await?.connection.ping().await?),
            Engine::Sqlite(file) => file.ping().await,
        }
    }

    /// Waits for open transactions and lets the database go.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Postgres { pool, .. } => pool::close(pool).await,
            Engine::Sqlite(file) => file.close().await,
        }
    }
}

impl Database for Sql {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Session>, DatabaseError>> {
        Box::pin(async move {
            Ok(match &self.engine {
                Engine::Postgres { pool, isolation, .. } => {
                    Box::new(PostgresSession::begin(pool, *isolation).await?) as Box<dyn Session>
                }
                Engine::Sqlite(file) => Box::new(file.begin().await?),
            })
        })
    }
}
