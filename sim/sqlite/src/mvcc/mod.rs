//! Transactions that overlap, over one connection of SQLite, with the conflicts that PostgreSQL would
//! tell of.
//!
//! SQLite runs one writing transaction at a time. So only one of the open transactions is *loaded*, that
//! is, open in SQLite. When another one has a statement to run, the loaded one is rolled back there and
//! put aside with the images of the rows that it has changed; when its turn comes again, they are
//! changed again, on what is committed by then. Who has changed nothing is put aside as it is, and SQLite's
//! transaction is the next one's. Who is never interrupted is never put aside: then all this costs is that
//! the keys of changed rows are read.
//!
//! What decides whether two transactions are in each other's way is the rows that they change:
//!
//! - A row is locked by its keys from its first change to the end of the transaction. A statement that
//!   changes a row locked by another has had no effect; it waits in a queue, and is run anew on what it
//!   then finds. Where waiting would go round in a circle, the one who closes it is refused.
//! - READ COMMITTED: each statement sees what is committed when it is run.
//! - REPEATABLE READ: all statements see what was committed when the first one was run; what was
//!   committed since is undone for as long as the transaction is loaded. Who is to change a row that was
//!   changed since is refused.
//!
//! `shared` is the database and its way to sqlx, `connection` what sqlx drives; `transactions` begins and
//! ends, `statement` runs one and finds who is in its way, with what `effects` knows of its text and with
//! `probe` where it was refused; `locks` says whose turn it is, `mirror` knows what rows were, `table` knows
//! how rows are told apart and changed again, `by_name` finds what belongs to a table,
//! `conflict` is how a transaction is refused.

mod by_name;
mod conflict;
mod connection;
mod effects;
mod locks;
mod mirror;
mod probe;
mod shared;
mod statement;
mod table;
#[cfg(test)]
mod tests;
mod transactions;

use futures::channel::oneshot;

pub use conflict::Conflict;
pub use connection::Pace;
pub(crate) use connection::SharedConnection;
pub(crate) use effects::Effects;
pub use shared::SharedDatabase;
pub(crate) use shared::waiting;
pub(crate) use statement::Ran;
pub(crate) use table::Tables;
pub(crate) use transactions::Transactions;

/// What a transaction sees of others, by PostgreSQL's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// The transaction sees what was committed before its first statement.
    RepeatableRead,
}

/// The number of an open transaction; later ones have higher numbers.
pub(crate) type Number = u64;

/// Whoever has a connection, by a number of the caller's choice.
pub type Owner = u64;

/// Completes when it is its owner's turn to try again; with an error if there is nothing to wait for any
/// more.
pub(crate) type Turn = oneshot::Receiver<()>;
