//! How a transaction that another one is in the way of is refused, with PostgreSQL's codes and words.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use sqlx_core::error::{DatabaseError, ErrorKind};

/// Why a transaction cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// What it is to change was changed since its snapshot.
    ConcurrentUpdate,
    /// A row that was committed since its snapshot has the key.
    NotUnique,
    /// Each waits for the next, and the last for the first.
    Deadlock,
    /// A row was locked by another transaction for too long.
    LockTimeout,
    /// A statement before failed.
    Aborted,
}

impl Conflict {
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Conflict::ConcurrentUpdate => {
                ("40001", "could not serialize access due to concurrent update")
            }
            Conflict::NotUnique => ("23505", "duplicate key value violates unique constraint"),
            Conflict::Deadlock => ("40P01", "deadlock detected"),
            Conflict::LockTimeout => ("55P03", "canceling statement due to lock timeout"),
            Conflict::Aborted => (
                "25P02",
                "current transaction is aborted, commands ignored until end of transaction block",
            ),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.told().1)
    }
}

impl StdError for Conflict {}

impl DatabaseError for Conflict {
    fn message(&self) -> &str {
        self.told().1
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.told().0.into())
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
        match self {
            Conflict::NotUnique => ErrorKind::UniqueViolation,
            _ => ErrorKind::Other,
        }
    }
}
