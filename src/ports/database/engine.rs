//! What is behind a database, and what each needs.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, install_drivers};

use super::pool::Pool;
use super::sqlite::SqliteFile;

/// How long a transaction waits for its connection: behind others, or for a server that is away.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is behind a database.
pub(super) enum Engine {
    /// How to connect past the pool, and what its transactions see of each other.
    Postgres { options: AnyConnectOptions, pool: Pool, isolation: Isolation },
    /// One connection.
    Sqlite(SqliteFile),
}

/// What transactions on Postgres see of each other, by its own names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what was committed before it. One that changes a row which another
    /// transaction has changed waits for that one's end, and checks its condition again. Rules hold by
    /// keys, guards and conditions in the statements.
    #[default]
    ReadCommitted,
    /// As if one transaction had run after the other. Those that could tell the difference are undone,
    /// and their caller runs them again: on small tables with many writers, most of them.
    Serializable,
}

impl Isolation {
    pub(super) fn begin(self) -> &'static str {
        match self {
            Isolation::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }
    }
}

/// Makes sqlx know Postgres and SQLite. Call it as often as you like. sqlx takes drivers once per
/// process: where others are needed too, install all of them together before anything else.
pub fn install() {
    // An error says that drivers are installed already: by an earlier call, or by the binary.
    install_drivers(&[sqlx_postgres::any::DRIVER, stormproof_sqlite::DRIVER]).ok();
}
