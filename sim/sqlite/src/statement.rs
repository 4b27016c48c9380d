//! One prepared statement: its parameters, its values, its columns as `Any` sees them.
//!
//! Statements are kept by `cache.rs`; what running them does to transactions is `session.rs`.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use libsqlite3_sys as ffi;
use sqlx_core::Error;
use sqlx_core::any::{AnyColumn, AnyRow, AnyValue, AnyValueKind};
use sqlx_core::ext::ustr::UStr;

use super::authorizer::{self, SetColumn};
use super::changes::SavepointStep;
use super::columns::Columns;
use super::error::SqliteError;
use super::substitutes;

/// A value on its way into a statement; texts and blobs are borrowed, not copied.
#[derive(Clone, Copy)]
pub(super) enum Bind<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
    Blob(&'a [u8]),
}

/// A statement SQLite has compiled.
pub(super) struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    /// For each parameter, in SQLite's order, the argument it takes: `$2` may come before `$1`.
    arguments: Vec<usize>,
    columns: Option<Columns>,
    pub(super) savepoint: Option<SavepointStep>,
    pub(super) read_only: bool,
    /// Whether it leaves nothing but rows: no setting, no schema, no other file.
    pub(super) is_plain: bool,
    /// Which columns it sets in rows that are there, and what triggers and foreign keys may then set.
    pub(super) sets: BTreeSet<SetColumn>,
}

impl Statement {
    /// Compiles the first statement of `text` that is not empty, and says where the rest begins.
    ///
    /// # Safety
    /// `database` must be open, and must stay so until the statement is dropped.
    pub(super) unsafe fn prepare(
        database: NonNull<ffi::sqlite3>,
        text: &str,
        keep: bool,
    ) -> Result<(Option<Statement>, usize), Error> {
        let mut at = 0;
        loop {
            let rest = &text[at..];
            if rest.trim_ascii().is_empty() {
                return Ok((None, text.len()));
            }
            let length = c_int::try_from(rest.len())
                .map_err(|_| Error::InvalidArgument("an SQL text is too long".to_owned()))?;
            let flags = if keep { ffi::SQLITE_PREPARE_PERSISTENT } else { 0 };
            let (mut raw, mut tail): (_, *const c_char) = (ptr::null_mut(), ptr::null());
            authorizer::take();
            // SAFETY: the caller vouches for the connection; the text is `length` bytes long and
            // the tail points into it or to its end.
            unsafe {
                let code = ffi::sqlite3_prepare_v3(
                    database.as_ptr(),
                    rest.as_ptr().cast(),
                    length,
                    flags,
                    &mut raw,
                    &mut tail,
                );
                if code != ffi::SQLITE_OK {
                    let error = SqliteError::last(database.as_ptr());
                    if code == ffi::SQLITE_ERROR {
                        substitutes::was_refused(&error);
                    }
                    return Err(error.into());
                }
                let begin = at;
                at += tail.offset_from(rest.as_ptr().cast()) as usize;
                if let Some(raw) = NonNull::new(raw) {
                    let statement = Statement::describe(raw, &text[begin..at])?;
                    return Ok((Some(statement), at));
                }
            }
        }
    }

    /// # Safety
    /// `raw` must be a statement nobody else finalizes.
    unsafe fn describe(raw: NonNull<ffi::sqlite3_stmt>, text: &str) -> Result<Statement, Error> {
        // SAFETY: the caller vouches for the statement.
        let (count, read_only) = unsafe {
            (
                ffi::sqlite3_bind_parameter_count(raw.as_ptr()),
                ffi::sqlite3_stmt_readonly(raw.as_ptr()) != 0,
            )
        };
        let mut statement = Statement {
            raw,
            arguments: Vec::with_capacity(count as usize),
            columns: None,
            savepoint: SavepointStep::parse(text),
            read_only,
            is_plain: is_plain(text),
            sets: authorizer::take(),
        };
        for parameter in 1..=count {
            let argument = statement.argument_of(parameter)?;
            statement.arguments.push(argument);
        }
        Ok(statement)
    }

    /// `$3` and `?3` take the third argument, a bare `?` the one after its predecessor's.
    fn argument_of(&self, parameter: c_int) -> Result<usize, Error> {
        // SAFETY: the statement is alive, and so is the name while the statement is.
        let name = unsafe {
            let name = ffi::sqlite3_bind_parameter_name(self.raw.as_ptr(), parameter);
            match name.is_null() {
                true => return Ok(parameter as usize - 1),
                false => CStr::from_ptr(name).to_string_lossy(),
            }
        };
        name.strip_prefix(['$', '?'])
            .and_then(|number| number.parse::<usize>().ok())
            .and_then(|number| number.checked_sub(1))
            .ok_or_else(|| Error::Protocol(format!("SQL parameter {name:?} has no number")))
    }

    /// How many arguments the statement wants.
    pub(super) fn argument_count(&self) -> usize {
        self.arguments.iter().map(|argument| argument + 1).max().unwrap_or(0)
    }

    /// Binds every parameter. Like PostgreSQL, and unlike SQLite, a missing argument is an error.
    ///
    /// # Safety
    /// What the arguments borrow must stay until the statement is reset.
    pub(super) unsafe fn bind<'a>(
        &self,
        argument: impl Fn(usize) -> Option<Bind<'a>>,
    ) -> Result<(), Error> {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement is alive. A leaked stream may have left it running.
        unsafe {
            if ffi::sqlite3_stmt_busy(raw) != 0 {
                ffi::sqlite3_reset(raw);
            }
        }
        for (parameter, place) in (1..).zip(&self.arguments) {
            let Some(value) = argument(*place) else {
                let count = self.argument_count();
                return Err(Error::Protocol(format!(
                    "the statement takes {count} arguments, but number {} is missing",
                    place + 1
                )));
            };
            // SAFETY: the statement is alive. SQLite keeps pointers to texts and blobs; the caller
            // keeps them valid until the reset, after which SQLite only replaces them.
            let code = unsafe {
                match value {
                    Bind::Null => ffi::sqlite3_bind_null(raw, parameter),
                    Bind::Integer(value) => ffi::sqlite3_bind_int64(raw, parameter, value),
                    Bind::Real(value) => ffi::sqlite3_bind_double(raw, parameter, value),
                    Bind::Text(text) => ffi::sqlite3_bind_text64(
                        raw,
                        parameter,
                        text.as_ptr().cast(),
                        text.len() as u64,
                        ffi::SQLITE_STATIC(),
                        ffi::SQLITE_UTF8 as u8,
                    ),
                    Bind::Blob(bytes) => ffi::sqlite3_bind_blob64(
                        raw,
                        parameter,
                        bytes.as_ptr().cast(),
                        bytes.len() as u64,
                        ffi::SQLITE_STATIC(),
                    ),
                }
            };
            if code != ffi::SQLITE_OK {
                return Err(self.failure());
            }
        }
        Ok(())
    }

    /// Runs to the next row or the end; answers SQLite's code.
    pub(super) fn step(&self) -> c_int {
        // SAFETY: the statement is alive, and its connection is used by this thread only.
        unsafe { ffi::sqlite3_step(self.raw.as_ptr()) }
    }

    /// Ends a run; answers SQLite's code, which can be that of a commit that failed only now.
    pub(super) fn reset(&self) -> c_int {
        // SAFETY: as in `step`.
        unsafe { ffi::sqlite3_reset(self.raw.as_ptr()) }
    }

    /// The error of the last call on this statement's connection.
    pub(super) fn failure(&self) -> Error {
        // SAFETY: the statement is alive, hence its connection too.
        unsafe { SqliteError::last(ffi::sqlite3_db_handle(self.raw.as_ptr())).into() }
    }

    /// The values of the current row.
    pub(super) fn values(&self) -> impl ExactSizeIterator<Item = Result<Bind<'_>, Error>> {
        // SAFETY: the statement is alive.
        let count = unsafe { ffi::sqlite3_data_count(self.raw.as_ptr()) };
        (0..count).map(|place| self.value(place))
    }

    fn value(&self, place: c_int) -> Result<Bind<'_>, Error> {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement stands on a row that has a column `place`. Texts and blobs stay
        // until the next step or reset, and all callers copy before that. The pointer is asked
        // before the size, as SQLite wants it.
        unsafe {
            Ok(match ffi::sqlite3_column_type(raw, place) {
                ffi::SQLITE_INTEGER => Bind::Integer(ffi::sqlite3_column_int64(raw, place)),
                ffi::SQLITE_FLOAT => Bind::Real(ffi::sqlite3_column_double(raw, place)),
                ffi::SQLITE_TEXT => {
                    let start = ffi::sqlite3_column_text(raw, place);
                    let bytes = slice_of(start.cast(), ffi::sqlite3_column_bytes(raw, place));
                    Bind::Text(std::str::from_utf8(bytes).map_err(|source| {
                        Error::ColumnDecode { index: place.to_string(), source: source.into() }
                    })?)
                }
                ffi::SQLITE_BLOB => {
                    let start = ffi::sqlite3_column_blob(raw, place);
                    Bind::Blob(slice_of(start.cast(), ffi::sqlite3_column_bytes(raw, place)))
                }
                _ => Bind::Null,
            })
        }
    }

    /// The current row, for sqlx.
    pub(super) fn row(&mut self) -> Result<AnyRow, Error> {
        self.learn_columns();
        let columns = self.known_columns();
        if let Some((name, declared)) = &columns.refused {
            return Err(Error::ColumnDecode {
                index: name.clone(),
                source: Error::AnyDriverError(
                    format!("Any driver does not support the SQLite type {declared}").into(),
                )
                .into(),
            });
        }
        let mut values = Vec::with_capacity(columns.list.len());
        for (value, column) in self.values().zip(&columns.list) {
            let kind = match value? {
                Bind::Null => AnyValueKind::Null(column.type_info.kind()),
                Bind::Integer(value) => AnyValueKind::BigInt(value),
                Bind::Real(value) => AnyValueKind::Double(value),
                Bind::Text(text) => AnyValueKind::Text(Arc::new(text.to_owned())),
                Bind::Blob(bytes) => AnyValueKind::Blob(Arc::new(bytes.to_owned())),
            };
            values.push(AnyValue { kind });
        }
        Ok(AnyRow {
            column_names: Arc::clone(&columns.places),
            columns: columns.list.clone(),
            values,
        })
    }

    /// The columns and the name index, for a description without a row.
    pub(super) fn columns(&mut self) -> (&[AnyColumn], &Arc<sqlx_core::HashMap<UStr, usize>>) {
        self.learn_columns();
        let columns = self.known_columns();
        (&columns.list, &columns.places)
    }

    fn known_columns(&self) -> &Columns {
        self.columns.as_ref().expect("`learn_columns` was called first")
    }

    /// Reads names and types unless they are known. SQLite compiles a statement anew when the
    /// schema has changed, and `SELECT *` may then have other columns.
    fn learn_columns(&mut self) {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement is alive.
        let compiled =
            unsafe { ffi::sqlite3_stmt_status(raw, ffi::SQLITE_STMTSTATUS_REPREPARE, 0) };
        if self.columns.as_ref().is_some_and(|columns| columns.compiled == compiled) {
            return;
        }
        // SAFETY: the statement is alive.
        self.columns = Some(unsafe { Columns::of(self.raw, compiled) });
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: nobody else finalizes the statement, and its connection is still open.
        unsafe { ffi::sqlite3_finalize(self.raw.as_ptr()) };
    }
}

/// Whether a statement begins like one that reads or changes rows, or begins or ends a transaction.
fn is_plain(text: &str) -> bool {
    const PLAIN: [&str; 12] = [
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "REPLACE",
        "WITH",
        "BEGIN",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE",
    ];
    let text = text.trim_ascii_start();
    let end = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
    PLAIN.iter().any(|word| text[..end].eq_ignore_ascii_case(word))
}

/// # Safety
/// `start` must point to `count` bytes that live for `'a`, or be null with a count of 0.
unsafe fn slice_of<'a>(start: *const u8, count: c_int) -> &'a [u8] {
    match start.is_null() || count <= 0 {
        true => &[],
        // SAFETY: the caller vouches for the bytes.
        false => unsafe { std::slice::from_raw_parts(start, count as usize) },
    }
}
