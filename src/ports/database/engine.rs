//! What is behind a pool, and what every pool needs.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, install_drivers};

/// How long a transaction waits for its connection: behind others, or for a server that is away.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is behind the pool.
pub(super) enum Engine {
    /// How to connect past the pool, and how many of its connections may have died.
    Postgres {
        options: AnyConnectOptions,
        connections: u32,
    },
    Sqlite,
}

/// Makes sqlx know Postgres and SQLite. Call it as often as you like. sqlx takes drivers once per
/// process: where others are needed too, install all of them together before anything else.
pub fn install() {
    // An error says that drivers are installed already: by an earlier call, or by the binary.
    install_drivers(&[sqlx::postgres::any::DRIVER, sqlx::sqlite::any::DRIVER]).ok();
}
