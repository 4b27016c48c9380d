//! One open database: runs statements and settles what they changed.
//!
//! Everything happens at once on the calling thread. `connection.rs` makes sqlx's futures and
//! streams of it, `transactions.rs` begins and ends transactions, `peek.rs` reads past sqlx.

use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use libsqlite3_sys as ffi;
use sqlx_core::Either;
use sqlx_core::Error;
use sqlx_core::any::{AnyQueryResult, AnyRow};

use super::cache::{Cache, Text};
use super::changes::{Capture, Change, Ending, merge};
use super::error::SqliteError;
use super::mvcc::Tables;
use super::opening::Place;
use super::spares;
use super::statement::{Bind, Statement};
use super::substitutes;

/// A connection with its statements and the changes of its transaction.
pub(super) struct Session {
    pub(super) database: NonNull<ffi::sqlite3>,
    pub(super) peeks: Cache,
    pub(super) statements: Cache,
    /// What changes rows as they were changed before; nobody asks for it.
    pub(super) replays: Cache,
    /// The text run last that is not kept.
    pub(super) single: Option<Text>,
    pub(super) place: Place,
    /// Owned; a pointer, because SQLite's hooks write to it while `self` is borrowed.
    pub(super) capture: NonNull<Capture>,
    /// How many transactions and savepoints are open through sqlx.
    pub(super) depth: usize,
    /// What was found out about tables, while no transactions overlap that need it.
    pub(super) tables: Tables,
    /// Whether nothing was asked that leaves more than rows, and nothing failed but for the rows.
    pub(super) is_plain: bool,
}

// SAFETY: a session is reached through a mutex only, so one thread at a time calls SQLite with
// it, which is all that SQLITE_OPEN_NOMUTEX asks for; no SQLite state is bound to a thread.
unsafe impl Send for Session {}

/// A text being run: which one, how far, and what was known when its statement began.
pub(super) struct Cursor {
    source: Source,
    place: usize,
    running: bool,
    changes_before: i64,
    waiting_before: usize,
}

enum Source {
    Cached(usize),
    Single,
}

impl Source {
    fn text<'s>(&self, kept: &'s mut Cache, single: &'s mut Option<Text>) -> &'s mut Text {
        match self {
            Source::Cached(slot) => kept.text(*slot),
            Source::Single => single.as_mut().expect("a run that is not kept set its text"),
        }
    }
}

/// What a step of a cursor gave: a statement's end or a row.
pub(super) type Step = Either<AnyQueryResult, AnyRow>;

impl Session {
    /// How many texts are kept prepared for sqlx.
    pub(super) fn cached(&self) -> usize {
        self.statements.len()
    }

    /// Finalizes the prepared statements.
    pub(super) fn forget_statements(&mut self) {
        self.single = None;
        self.statements.clear();
        self.replays.clear();
        self.peeks.clear();
    }

    /// Fails once the disk has lost power or the process is gone: SQLite would still answer from
    /// its cache.
    pub(super) fn check_alive(&self) -> Result<(), Error> {
        match &self.place {
            Place::Simulated { epoch, live, .. } if live.load(Ordering::Relaxed) != *epoch => {
                Err(SqliteError::input_output().into())
            }
            Place::Simulated { .. } | Place::File => Ok(()),
        }
    }

    /// The name of its disk; nothing of a real file.
    pub(super) fn database_name(&self) -> String {
        match &self.place {
            Place::Simulated { disk, .. } => disk.name().to_owned(),
            Place::File => String::new(),
        }
    }

    /// Gets ready to run `text`; nothing runs yet.
    pub(super) fn begin_run(&mut self, text: &str, keep: bool) -> Cursor {
        let source = match keep {
            true => Source::Cached(self.statements.slot_of(text)),
            false => {
                self.single = Some(Text::new(text, false));
                Source::Single
            }
        };
        Cursor { source, place: 0, running: false, changes_before: 0, waiting_before: 0 }
    }

    /// The text of a cursor, its first statement compiled.
    pub(super) fn compile(&mut self, cursor: &Cursor) -> Result<&mut Text, Error> {
        self.check_alive()?;
        let text = cursor.source.text(&mut self.statements, &mut self.single);
        // SAFETY: the session's connection outlives its texts.
        unsafe { text.statement(self.database, 0)? };
        Ok(text)
    }

    /// Runs to the next row, the end of a statement, or (`None`) the end of the text. After an
    /// error the cursor is done with.
    ///
    /// # Safety
    /// What `arguments` holds must stay until the cursor has ended or was [abandoned].
    ///
    /// [abandoned]: Session::abandon
    pub(super) unsafe fn advance<'a>(
        &mut self,
        cursor: &mut Cursor,
        argument: impl Fn(usize) -> Option<Bind<'a>>,
        argument_count: usize,
    ) -> Result<Option<Step>, Error> {
        self.check_alive()?;
        let database = self.database;
        let text = cursor.source.text(&mut self.statements, &mut self.single);
        if !cursor.running {
            // SAFETY: the session's connection outlives its texts and every cursor.
            let Some(statement) = (unsafe { text.statement(database, cursor.place)? }) else {
                return Ok(None);
            };
            self.is_plain &= statement.is_plain;
            // SAFETY: the connection is open.
            if self.depth > 0 && unsafe { is_outside_transaction(database) } {
                return Err(Error::Protocol(
                    "an earlier error has rolled the transaction back".to_owned(),
                ));
            }
            if cursor.place == 0
                && statement.argument_count() < argument_count
                && !substitutes::are_there()
            {
                return Err(Error::Protocol(format!(
                    "the statement takes {} arguments, {argument_count} were given",
                    statement.argument_count()
                )));
            }
            // SAFETY: the caller keeps the arguments.
            unsafe { statement.bind(argument)? };
            cursor.running = true;
            // SAFETY: the connection is open, and no hook runs now.
            unsafe {
                cursor.changes_before = ffi::sqlite3_total_changes64(database.as_ptr());
                cursor.waiting_before = self.capture.as_ref().waiting();
            }
        }
        let statement = text.compiled(cursor.place);
        match statement.step() {
            ffi::SQLITE_ROW => statement.row().map(|row| Some(Either::Right(row))),
            ffi::SQLITE_DONE => {
                // SAFETY: the connection is open.
                let rows_affected = unsafe { changed_since(database, cursor.changes_before) };
                self.end_statement(cursor)?;
                cursor.place += 1;
                Ok(Some(Either::Left(AnyQueryResult { rows_affected, last_insert_id: None })))
            }
            _ => match self.end_statement(cursor) {
                Err(error) => Err(error),
                Ok(()) => Err(Error::Protocol("SQLite failed without a reason".to_owned())),
            },
        }
    }

    /// Ends a cursor early. A statement that returned a row may commit only now, and fail then.
    pub(super) fn abandon(&mut self, cursor: &mut Cursor) -> Result<(), Error> {
        match cursor.running {
            true => self.end_statement(cursor),
            false => Ok(()),
        }
    }

    /// Runs every statement of `text`, ignoring rows.
    pub(super) fn run(&mut self, text: &str) -> Result<(), Error> {
        self.run_with(text, false, &[])
    }

    /// Runs every statement of `text` with arguments, ignoring rows.
    pub(super) fn run_with(
        &mut self,
        text: &str,
        keep: bool,
        arguments: &[Bind<'_>],
    ) -> Result<(), Error> {
        self.run_for_rows(text, keep, arguments).map(drop)
    }

    /// Runs every statement of `text` with arguments; results and rows, in their order.
    pub(super) fn run_for_rows(
        &mut self,
        text: &str,
        keep: bool,
        arguments: &[Bind<'_>],
    ) -> Result<Vec<Step>, Error> {
        let cursor = self.begin_run(text, keep);
        self.finish_run(cursor, arguments)
    }

    /// The same of a text that was begun.
    pub(super) fn finish_run(
        &mut self,
        mut cursor: Cursor,
        arguments: &[Bind<'_>],
    ) -> Result<Vec<Step>, Error> {
        let argument = |place: usize| arguments.get(place).copied();
        let mut steps = Vec::new();
        loop {
            // SAFETY: the arguments outlive the cursor, which runs to its end here.
            match unsafe { self.advance(&mut cursor, argument, arguments.len()) } {
                Ok(Some(step)) => steps.push(step),
                Ok(None) => return Ok(steps),
                Err(error) => {
                    self.abandon(&mut cursor).ok();
                    return Err(error);
                }
            }
        }
    }

    /// The number of the row that was inserted last.
    pub(super) fn last_insert_rowid(&self) -> i64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_last_insert_rowid(self.database.as_ptr()) }
    }

    /// How many changes of rows wait for their commit.
    pub(super) fn waiting(&self) -> usize {
        // SAFETY: the capture is alive, and no hook runs now.
        unsafe { self.capture.as_ref() }.waiting()
    }

    /// The rows that were changed since so many changes waited, each once.
    pub(super) fn changes_since(&self, waiting: usize) -> Vec<Change> {
        // SAFETY: as in `waiting`.
        merge(unsafe { self.capture.as_ref() }.since(waiting).to_vec())
    }

    /// The first statement of `text`, compiled and not run.
    pub(super) fn with_prepared<T>(
        &mut self,
        text: &str,
        look: impl FnOnce(&mut Statement) -> T,
    ) -> Result<T, Error> {
        self.check_alive()?;
        let slot = self.statements.slot_of(text);
        // SAFETY: the session's connection outlives its texts.
        let statement = unsafe { self.statements.text(slot).statement(self.database, 0)? };
        self.is_plain &= statement.as_ref().is_none_or(|it| it.is_plain);
        statement
            .map(look)
            .ok_or_else(|| Error::InvalidArgument("the SQL text holds no statement".to_owned()))
    }

    /// Resets the running statement and settles its changes.
    fn end_statement(&mut self, cursor: &mut Cursor) -> Result<(), Error> {
        let text = cursor.source.text(&mut self.statements, &mut self.single);
        let statement = text.compiled(cursor.place);
        cursor.running = false;
        let code = statement.reset();
        let failure = (code != ffi::SQLITE_OK).then(|| statement.failure());
        self.is_plain &= matches!(primary(code), ffi::SQLITE_OK | ffi::SQLITE_CONSTRAINT);
        let ending = Ending {
            // SAFETY: the connection is open.
            outside: unsafe { is_outside_transaction(self.database) },
            failure: failure.as_ref().map(|_| primary(code)),
            waiting_before: cursor.waiting_before,
            savepoint: statement.savepoint.as_ref(),
        };
        // SAFETY: the capture is alive, and no hook runs now.
        let committed = unsafe { self.capture.as_mut() }.settle(ending);
        if let (Some(changes), Place::Simulated { disk, .. }) = (committed, &self.place) {
            disk.publish(changes);
        }
        failure.map_or(Ok(()), Err)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if spares::keep(self) {
            return;
        }
        self.forget_statements();
        // SAFETY: all statements are finalized, nothing uses the connection afterwards, and only
        // then is the capture freed.
        unsafe {
            ffi::sqlite3_close(self.database.as_ptr());
            drop(Box::from_raw(self.capture.as_ptr()));
        }
    }
}

fn primary(code: c_int) -> c_int {
    code & 0xff
}

/// # Safety
/// `database` must be open and of this thread.
pub(super) unsafe fn is_outside_transaction(database: NonNull<ffi::sqlite3>) -> bool {
    // SAFETY: the caller vouches for the connection.
    unsafe { ffi::sqlite3_get_autocommit(database.as_ptr()) != 0 }
}

/// Rows changed by a statement itself, without what triggers and foreign keys did. SQLite's answer
/// is that of the last statement that changed rows, so a `SELECT` must not ask.
///
/// # Safety
/// `database` must be open and of this thread.
unsafe fn changed_since(database: NonNull<ffi::sqlite3>, before: i64) -> u64 {
    // SAFETY: the caller vouches for the connection.
    unsafe {
        match ffi::sqlite3_total_changes64(database.as_ptr()) == before {
            true => 0,
            false => ffi::sqlite3_changes64(database.as_ptr()) as u64,
        }
    }
}
