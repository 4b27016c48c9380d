//! Messages that commit with the state that they tell of.
//!
//! A [`transaction`] changes state and writes messages into the [`outbox`] in one commit; a relay
//! carries them to the broker; a [`consumer`] handles each once, by the [`inbox`], by itself or in a
//! [`batch`], puts it off by the [`retries`], or gives it up. A [`janitor`] forgets in time what is done with. What the
//! messages say, and what an application does about a message that was given up, is the application's.

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

mod audit;
pub mod batch;
pub mod consumer;
pub mod contract;
pub mod inbox;
pub mod janitor;
pub mod outbox;
pub mod payload;
mod relay;
pub mod retries;
mod rows;
mod statements;
pub mod transaction;
mod waiting;

use sqlx::migrate::Migrator;

pub use payload::{Payload, Undecodable, decode, encode};
pub use statements::Statements;
pub use transaction::{Transaction, TransactionError, transact};

/// The tables that everything here needs: outbox, inbox and audit trail, as migrations 1 and 10. An
/// application's own have other numbers.
pub fn migrator() -> Migrator {
    sqlx::migrate!("./migrations")
}

/// These tables, then `own`: all of a service's.
pub fn migrator_with(own: &Migrator) -> Migrator {
    Migrator::with_migrations(migrator().iter().chain(own.iter()).cloned().collect())
}
