//! SQLite's refusals as sqlx reports them, worded like sqlx's own SQLite driver so that code
//! which reads them works on both. Like there, `constraint()` is always `None`: the message names
//! the columns or the CHECK constraint.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::ffi::{CStr, c_int};
use std::fmt;

use libsqlite3_sys as ffi;
use sqlx_core::error::{DatabaseError, ErrorKind};

/// An extended result code with SQLite's message.
#[derive(Debug)]
pub struct SqliteError {
    code: c_int,
    message: String,
}

impl SqliteError {
    /// The extended result code (<https://www.sqlite.org/rescode.html>).
    pub fn extended_code(&self) -> i32 {
        self.code
    }

    /// What a statement on a disk without power answers.
    pub(super) fn input_output() -> SqliteError {
        SqliteError { code: ffi::SQLITE_IOERR, message: "disk I/O error".to_owned() }
    }

    /// The latest failure on a connection.
    ///
    /// # Safety
    /// `database` must be an open connection (or what a failed open left) of this thread.
    pub(super) unsafe fn last(database: *mut ffi::sqlite3) -> SqliteError {
        // SAFETY: the caller vouches for the connection; the message is a terminated string that
        // is copied before the connection is used again.
        unsafe {
            let message = CStr::from_ptr(ffi::sqlite3_errmsg(database));
            SqliteError {
                code: ffi::sqlite3_extended_errcode(database),
                message: message.to_string_lossy().into_owned(),
            }
        }
    }
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl StdError for SqliteError {}

impl DatabaseError for SqliteError {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        match self.code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                ErrorKind::UniqueViolation
            }
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ErrorKind::ForeignKeyViolation,
            ffi::SQLITE_CONSTRAINT_NOTNULL => ErrorKind::NotNullViolation,
            ffi::SQLITE_CONSTRAINT_CHECK => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }
}
