//! A session as sqlx's `Any` drives it: futures that are ready at once, rows as a stream.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::Stream;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx_core::Either;
use sqlx_core::any::{
    Any, AnyArguments, AnyConnectionBackend, AnyRow, AnyStatement, AnyTypeInfo, AnyValueKind,
};
use sqlx_core::describe::Describe;
use sqlx_core::error::{Error, Result};
use sqlx_core::migrate::Migrate;
use sqlx_core::sql_str::SqlStr;

use super::disk::Disk;
use super::lock::lock;
use super::mvcc::SharedConnection;
use super::reader::Reader;
use super::session::{Cursor, Session, Step};
use super::statement::Bind;
use super::substitutes;

/// A connection of the `sim:` driver. sqlx's users see it as an `AnyConnection`.
pub struct SimConnection {
    way: Way,
}

/// How a connection reaches its database.
enum Way {
    /// It is the only one.
    Alone(Arc<Mutex<Session>>),
    /// It is one of several, whose transactions overlap.
    Shared(SharedConnection),
}

impl SimConnection {
    pub(super) fn open(disk: &Disk, epoch: u64, file: &str) -> Result<SimConnection> {
        let session = Arc::new(Mutex::new(Session::open(disk, epoch, file)?));
        let reader: Arc<Mutex<dyn Reader>> = session.clone();
        disk.remember(Arc::downgrade(&reader));
        Ok(SimConnection { way: Way::Alone(session) })
    }

    /// `path`: as the system spells it.
    pub(super) fn open_file(path: Vec<u8>) -> Result<SimConnection> {
        let session = Arc::new(Mutex::new(Session::open_file(path)?));
        Ok(SimConnection { way: Way::Alone(session) })
    }

    pub(super) fn shared(connection: SharedConnection) -> SimConnection {
        SimConnection { way: Way::Shared(connection) }
    }

    /// Runs `work` when the future is polled: a future that is dropped unpolled must do nothing. Of a
    /// database that is shared it sees what is committed.
    pub(super) fn when_polled<'c, T, E>(
        &'c mut self,
        work: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'c,
    ) -> BoxFuture<'c, Result<T, E>>
    where
        T: Send + 'c,
        E: From<Error> + Send + 'c,
    {
        Box::pin(async move {
            match &self.way {
                Way::Alone(session) => work(&mut lock(session)),
                Way::Shared(connection) => work(lock(connection.transactions()).committed()?),
            }
        })
    }
}

impl fmt::Debug for SimConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConnection").finish_non_exhaustive()
    }
}

impl AnyConnectionBackend for SimConnection {
    /// The same as the usual driver's, so that code that asks for the dialect gets SQLite's.
    fn name(&self) -> &str {
        "SQLite"
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            drop(self);
            Ok(())
        })
    }

    fn close_hard(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        self.close()
    }

    fn ping(&mut self) -> BoxFuture<'_, Result<()>> {
        self.when_polled(|session| session.check_alive())
    }

    fn begin(&mut self, statement: Option<SqlStr>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let statement = statement.as_ref().map(SqlStr::as_str);
            match &mut self.way {
                Way::Alone(session) => lock(session).begin(statement),
                Way::Shared(connection) => {
                    connection.begin();
                    Ok(())
                }
            }
        })
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match &mut self.way {
                Way::Alone(session) => lock(session).commit(),
                Way::Shared(connection) => connection.commit().await,
            }
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match &mut self.way {
                Way::Alone(session) => lock(session).roll_back(),
                Way::Shared(connection) => connection.roll_back(),
            }
        })
    }

    /// A transaction was dropped: undone here and now, so that whoever runs next sees it undone.
    fn start_rollback(&mut self) {
        let (undone, is_alive) = match &mut self.way {
            Way::Alone(session) => {
                let mut session = lock(session);
                (session.roll_back(), session.check_alive().is_ok())
            }
            Way::Shared(connection) => (connection.roll_back(), connection.is_alive()),
        };
        if let Err(error) = undone {
            // A disk without power refuses, and forgets the transaction by itself.
            let excused = !is_alive || std::thread::panicking();
            assert!(excused, "a living database can roll back: {error}");
        }
    }

    fn get_transaction_depth(&self) -> usize {
        match &self.way {
            Way::Alone(session) => lock(session).depth,
            Way::Shared(connection) => connection.depth(),
        }
    }

    fn cached_statements_size(&self) -> usize {
        match &self.way {
            Way::Alone(session) => lock(session).cached(),
            Way::Shared(connection) => lock(connection.transactions()).cached(),
        }
    }

    fn clear_cached_statements(&mut self) -> BoxFuture<'_, Result<()>> {
        self.when_polled(|session| {
            session.forget_statements();
            Ok(())
        })
    }

    fn shrink_buffers(&mut self) {}

    fn flush(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(ready(Ok(())))
    }

    fn should_flush(&self) -> bool {
        false
    }

    fn as_migrate(&mut self) -> Result<&mut (dyn Migrate + Send + 'static)> {
        Ok(self)
    }

    fn fetch_many(
        &mut self,
        query: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxStream<'_, Result<Either<sqlx_core::any::AnyQueryResult, AnyRow>>> {
        match &mut self.way {
            Way::Alone(session) => Box::pin(Rows::new(session, query, persistent, arguments)),
            Way::Shared(connection) => connection.rows(query, persistent, arguments),
        }
    }

    fn fetch_optional(
        &mut self,
        query: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxFuture<'_, Result<Option<AnyRow>>> {
        match &mut self.way {
            Way::Alone(session) => {
                let mut rows = Rows::new(session, query, persistent, arguments);
                Box::pin(async move { rows.first() })
            }
            Way::Shared(connection) => Box::pin(connection.first(query, persistent, arguments)),
        }
    }

    fn prepare_with<'c, 'q: 'c>(
        &'c mut self,
        sql: SqlStr,
        _parameters: &[AnyTypeInfo],
    ) -> BoxFuture<'c, Result<AnyStatement>> {
        self.when_polled(move |session| {
            let sql = substitutes::in_place_of(sql, || session.database_name());
            let (columns, column_names, count) =
                session.with_prepared(sql.as_str(), |statement| {
                    let count = statement.argument_count();
                    let (columns, names) = statement.columns();
                    (columns.to_vec(), Arc::clone(names), count)
                })?;
            Ok(AnyStatement { sql, parameters: Some(Either::Right(count)), column_names, columns })
        })
    }

    fn describe(&mut self, sql: SqlStr) -> BoxFuture<'_, Result<Describe<Any>>> {
        self.when_polled(move |session| {
            let sql = substitutes::in_place_of(sql, || session.database_name());
            session.with_prepared(sql.as_str(), |statement| {
                let count = statement.argument_count();
                let columns = statement.columns().0.to_vec();
                Describe {
                    nullable: vec![None; columns.len()],
                    parameters: Some(Either::Right(count)),
                    columns,
                }
            })
        })
    }
}

/// The rows and results of a text, as far as they are asked for.
struct Rows<'c> {
    session: &'c Mutex<Session>,
    sql: SqlStr,
    keep: bool,
    arguments: Vec<AnyValueKind>,
    cursor: Option<Cursor>,
    ended: bool,
}

impl<'c> Rows<'c> {
    fn new(
        session: &'c Mutex<Session>,
        sql: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> Rows<'c> {
        Rows {
            session,
            sql: substitutes::in_place_of(sql, || lock(session).database_name()),
            // Without arguments it is a script; the usual driver does not keep those either.
            keep: persistent && arguments.is_some(),
            arguments: arguments.unwrap_or_default().values.0,
            cursor: None,
            ended: false,
        }
    }

    fn step(&mut self) -> Result<Option<Step>> {
        if self.ended {
            return Ok(None);
        }
        let mut session = lock(self.session);
        let cursor =
            self.cursor.get_or_insert_with(|| session.begin_run(self.sql.as_str(), self.keep));
        let arguments = &self.arguments;
        let argument = |place: usize| arguments.get(place).map(bind_of);
        // SAFETY: the arguments belong to `self`, which abandons the cursor before they go.
        let step = unsafe { session.advance(cursor, argument, arguments.len()) };
        if !matches!(step, Ok(Some(_))) {
            self.ended = true;
            session.abandon(cursor).ok();
        }
        step
    }

    /// The first row, if any. The statement ends with it, and a commit that fails then is an error.
    fn first(&mut self) -> Result<Option<AnyRow>> {
        while let Some(step) = self.step()? {
            if let Either::Right(row) = step {
                self.ended = true;
                if let Some(cursor) = &mut self.cursor {
                    lock(self.session).abandon(cursor)?;
                }
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

impl Stream for Rows<'_> {
    type Item = Result<Step>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.step().transpose())
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if let (Some(cursor), false) = (&mut self.cursor, self.ended) {
            lock(self.session).abandon(cursor).ok();
        }
    }
}

pub(super) fn bind_of(value: &AnyValueKind) -> Bind<'_> {
    match value {
        AnyValueKind::Null(_) => Bind::Null,
        AnyValueKind::Bool(value) => Bind::Integer(i64::from(*value)),
        AnyValueKind::SmallInt(value) => Bind::Integer(i64::from(*value)),
        AnyValueKind::Integer(value) => Bind::Integer(i64::from(*value)),
        AnyValueKind::BigInt(value) => Bind::Integer(*value),
        AnyValueKind::Real(value) => Bind::Real(f64::from(*value)),
        AnyValueKind::Double(value) => Bind::Real(*value),
        AnyValueKind::Text(text) => Bind::Text(text),
        AnyValueKind::TextSlice(text) => Bind::Text(text),
        AnyValueKind::Blob(bytes) => Bind::Blob(bytes),
        other => unreachable!("sqlx-core =0.9.0 has no other kind of value: {other:?}"),
    }
}

/// Which file a URL names; the only failure a caller can cause is a stale or foreign URL.
pub(super) fn no_such_disk(url: &str) -> Error {
    Error::Configuration(format!("{url} names no disk; was it made before a power cut?").into())
}

/// A `file:` URL that is none, of another host say.
pub(super) fn no_such_file(url: &str) -> Error {
    Error::Configuration(format!("{url} names no file of this machine").into())
}
