//! A durable broker inside the process: the broker model, over a journal in SQLite.
//!
//! One task (`actor`), on a thread of its own, owns the model. It works in turns: it takes all that clients ask by then, lets
//! the model decide, writes what changed into the journal in one commit, and only then tells clients.
//! So a confirm means that the message is on disk, and a delivery that the hand-out is: whatever dies
//! at any moment, nothing confirmed is lost, and what was in a consumer's hands comes again with its
//! delivery counted. An acknowledgement is not waited for; it is on disk one turn later, and a crash
//! in between delivers the message once more.
//!
//! What a queue does is the model's; what SQLite stores is `journal`'s. One process at a time.

mod actor;
mod broker;
mod client;
mod dead_letters;
mod journal;

pub use broker::EmbeddedBroker;
pub use journal::JournalError;
