//! What the engines' errors mean: for who opens a database, and for who commits.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use stormproof_ports::DatabaseError;

/// Why a database cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Does not repeat the URL, for it may hold a password.
    #[error("no database's URL such as postgres://user@127.0.0.1:5432/store: {0}")]
    BadUrl(String),
    /// Nobody answers there, or not in time.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The server answers and refuses: the user, the password, or the database's name.
    #[error("the database does not let us in: {0}")]
    Refused(String),
    /// The file, and what SQLite says.
    #[error("{0} is damaged, or is no SQLite database: {1}")]
    Damaged(PathBuf, String),
    /// The file.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// The file, and what SQLite says.
    #[error("{0} cannot be opened for writing: {1}")]
    NotWritable(PathBuf, String),
    /// The file, and which pragma does not hold.
    #[error("{0} cannot be kept as safely as it must be: {1}")]
    NotDurable(PathBuf, String),
    /// A migration failed, or has changed since it was applied.
    #[error("the tables cannot be brought up to date: {0}")]
    Migration(#[from] MigrateError),
}

/// Once it is open, what a database answers to a ping or to a connection.
impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> OpenError {
        match &error {
            // A server that recovers answers that, and would let us in a little later.
            sqlx::Error::Database(_) if !is_lost(&error) => OpenError::Refused(error.to_string()),
            _ => OpenError::Unreachable(error.to_string()),
        }
    }
}

/// The error's code: SQLSTATE of Postgres, extended result code of SQLite.
pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

/// Whether the connection is gone rather than the statement wrong.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // Connection exceptions, and a server that shuts down or recovers.
        _ => code(error).is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
    }
}

/// What a failed COMMIT leaves behind. An engine that refuses it has rolled back. Where the engine
/// did not get to answer, or its disk failed under it, nobody knows.
pub(super) fn of_commit(error: sqlx::Error) -> DatabaseError {
    let undecided = match code(&error).as_deref() {
        None => true,
        // Postgres. XX and 58: it is broken itself, or its system is; 40003 says what it says.
        Some(code) if code.len() == 5 => {
            is_lost(&error) || code == "40003" || code.starts_with("XX") || code.starts_with("58")
        }
        // SQLite: all but BUSY (5) and CONSTRAINT (19), the low byte of an extended code, may have
        // struck after the last page was written.
        Some(code) => !code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 19)),
    };
    match undecided {
        true => DatabaseError::Unknown(format!("the commit's outcome is not known: {error}")),
        false => error.into(),
    }
}
