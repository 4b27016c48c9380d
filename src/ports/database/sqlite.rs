//! A SQLite file: opened as safely as SQLite can keep it, by one connection whose transactions share
//! commits.
//!
//! Statements run on the thread that asks, for they take microseconds. A commit waits for the disk, so a
//! thread of its own makes them: transactions run one after the other, each as a savepoint of the one that
//! is open, and all that have ended by the time the disk is free are made durable together. Who has
//! ended is told when that is done; a later one saw what an earlier one wrote, and cannot outlive it.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::migrate::Migrator;
use sqlx::{Any, AnyConnection, Connection as _, Database, Row as _, SqlSafeStr as _};
use sqlx_core::transaction::TransactionManager as _;
use stormproof_ports::sqlite::{DURABLE, Pragma};
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::{Clock as _, DatabaseError, Session};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::time::timeout;

use super::engine::ACQUIRE_TIMEOUT;
use super::error::{OpenError, code, of_commit};
use crate::clock::SystemClock;

type Transactions = <Any as Database>::TransactionManager;

/// An open file. Its transactions take turns, in the order in which they ask.
pub(super) struct SqliteFile {
    file: Arc<Mutex<File>>,
    /// Wakes the thread that commits; it ends with this.
    ended: mpsc::Sender<()>,
}

struct File {
    /// `None` once it is closed.
    connection: Option<AnyConnection>,
    /// Those whose transactions have ended and are not durable yet.
    waiting: Vec<oneshot::Sender<Result<(), DatabaseError>>>,
    /// Whether the transaction is open that they are savepoints of.
    is_open: bool,
    /// Rows changed since the file was opened.
    changes: i64,
}

impl SqliteFile {
    /// Opens, or makes, the file at `path`.
    ///
    /// # Errors
    /// As [`Sql::sqlite`](super::Sql::sqlite).
    pub(super) async fn open(path: &Path) -> Result<SqliteFile, OpenError> {
        let opened = stormproof_sqlite::open_file(path).await;
        let mut connection = opened.map_err(|error| refusal(path, &error))?;
        look_through(&mut connection, path).await?;
        let connection = Some(connection);
        let file = File { connection, waiting: Vec::new(), is_open: false, changes: 0 };
        let file = Arc::new(Mutex::new(file));
        let (ended, to_commit) = mpsc::channel();
        let committed = file.clone();
        let thread = thread::Builder::new().name("sqlite-commit".to_owned());
        let spawned = thread.spawn(move || {
            while to_commit.recv().is_ok() {
                committed.blocking_lock().commit();
            }
        });
        spawned.map_err(|error| OpenError::NotWritable(path.to_owned(), error.to_string()))?;
        Ok(SqliteFile { file, ended })
    }

    /// Begins a transaction, which nobody else's overlaps.
    pub(super) async fn begin(&self) -> Result<SqliteSession, DatabaseError> {
        let turn = timeout(ACQUIRE_TIMEOUT, self.file.clone().lock_owned()).await;
        let mut file = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
        file.begin().await?;
        Ok(SqliteSession { file: Some(file), ended: self.ended.clone() })
    }

    pub(super) async fn migrate(&self, migrator: &Migrator) -> Result<(), OpenError> {
        let mut file = self.file.lock().await;
        file.commit();
        Ok(migrator.run(file.connection()?).await?)
    }

    pub(super) async fn ping(&self) -> Result<(), OpenError> {
        Ok(self.file.lock().await.connection()?.ping().await?)
    }

    pub(super) async fn close(&self) {
        let mut file = self.file.lock().await;
        file.commit();
        if let Some(connection) = file.connection.take() {
            connection.close().await.ok();
        }
    }
}

impl File {
    fn connection(&mut self) -> Result<&mut AnyConnection, sqlx::Error> {
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Begins a savepoint, and the transaction around it if there is none.
    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        if self.is_open && Transactions::begin(self.connection()?, None).await.is_ok() {
            return Ok(());
        }
        // An error of one may have undone all: then COMMIT says so to those who wait.
        self.commit();
        let begin = "BEGIN IMMEDIATE".into_sql_str();
        Transactions::begin(self.connection()?, Some(begin)).await?;
        self.is_open = true;
        Transactions::begin(self.connection()?, None).await
    }

    /// Makes durable what has ended, and tells who waits.
    fn commit(&mut self) {
        if !self.is_open {
            return;
        }
        self.is_open = false;
        let connection = self.connection.as_mut().expect("it is not closed while one is open");
        let committed = Transactions::commit(connection).now_or_never();
        let committed = committed.expect("statements here never wait").map_err(of_commit);
        if committed.is_err() {
            // SQLite may have kept it open.
            Transactions::start_rollback(connection);
        }
        for waiting in self.waiting.drain(..) {
            // Who is no longer there does not want to know.
            waiting.send(committed.clone()).ok();
        }
    }
}

/// A transaction on SQLite, which undoes a failed statement alone. Dropping it rolls back.
pub(super) struct SqliteSession {
    /// `None` once it has come to its end.
    file: Option<OwnedMutexGuard<File>>,
    ended: mpsc::Sender<()>,
}

impl Session for SqliteSession {
    fn connection(&mut self) -> &mut AnyConnection {
        let file = self.file.as_mut().expect("it is open");
        file.connection().expect("nobody closes it meanwhile")
    }

    /// The file is this process's alone, and so its clock is the database's.
    fn time(&mut self) -> BoxFuture<'_, Result<Time, DatabaseError>> {
        Box::pin(async { Ok(SystemClock.now()) })
    }

    fn commit<'a>(
        mut self: Box<Self>,
        _facts: &'a [Fact],
    ) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            Transactions::commit(self.connection()).await.map_err(of_commit)?;
            let changes = sqlx::query_scalar("SELECT total_changes()");
            let changes: i64 = changes.fetch_one(self.connection()).await.map_err(of_commit)?;
            let mut file = self.file.take().expect("it is open");
            let has_only_read = file.changes == changes;
            file.changes = changes;
            if has_only_read && file.waiting.is_empty() {
                // Nothing is to be made durable.
                file.commit();
                return Ok(());
            }
            let (told, hears) = oneshot::channel();
            file.waiting.push(told);
            drop(file);
            let gone = || DatabaseError::Unknown("the thread that commits is gone".to_owned());
            self.ended.send(()).map_err(|_| gone())?;
            hears.await.map_err(|_| gone())?
        })
    }
}

impl Drop for SqliteSession {
    fn drop(&mut self) {
        let Some(mut file) = self.file.take() else { return };
        if let Some(connection) = &mut file.connection {
            Transactions::start_rollback(connection);
        }
        match file.waiting.is_empty() {
            true => file.commit(),
            // Somebody may have been told to wait for this one's end.
            false => drop(self.ended.send(())),
        }
    }
}

async fn look_through(connection: &mut AnyConnection, path: &Path) -> Result<(), OpenError> {
    let refused = |error: sqlx::Error| refusal(path, &error);
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
    let (file, words) = (path.to_owned(), error.to_string());
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
