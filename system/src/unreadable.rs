//! Readings that no version of ours can read: an unknown state, a number out of range, a NULL where none may
//! be. Who comes upon one sets it aside, so that nobody comes upon it again, leaves it as it is, tells
//! support of it, and goes on with the others. People mend it, and give it a time again.

use futures::future::BoxFuture;
use sqlx::Row;
use sqlx::any::AnyRow;
use stormproof_messaging::Transaction;
use stormproof_messaging::outbox::{self, Watch};
use stormproof_ports::DatabaseError;
use stormproof_ports::worker::Worker;

use crate::alert::{self, Trouble};
use crate::context::Context;
use crate::error::Error;
use crate::id::OrderId;
use crate::messages::EXCHANGES;

/// No counter of ours gets as far, and it still can be counted on.
const COUNTER_MAX: i64 = 1 << 53;

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The order that it is about, as stored.
    pub key: String,
    /// What of it cannot be read.
    pub why: String,
}

/// Readings of a table, by what became of reading them.
#[derive(Clone, Debug)]
pub struct Readings<T> {
    /// Those that can be read, in their order.
    pub read: Vec<T>,
    pub unreadable: Vec<Unreadable>,
    /// The key of the last of all.
    pub last: Option<String>,
}

/// Reads each row by itself. Its first column is its key.
///
/// # Errors
/// What is no row's own affair.
pub fn each<T>(
    rows: &[AnyRow],
    read: impl Fn(&AnyRow) -> Result<T, Error>,
) -> Result<Readings<T>, Error> {
    let key = |row: &AnyRow| row.try_get::<String, _>(0).unwrap_or_default();
    let last = rows.last().map(key);
    let mut all = Readings { read: Vec::new(), unreadable: Vec::new(), last };
    for row in rows {
        match read(row).map_err(Error::of_row) {
            Ok(read) => all.read.push(read),
            Err(Error::Unreadable(why)) => all.unreadable.push(Unreadable { key: key(row), why }),
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// A stored word as what it stands for: nothing may be decided on one that this version does not know.
///
/// # Errors
/// If `value` is none.
pub fn known<T>(value: Option<T>, what: &str, stored: &str) -> Result<T, Error> {
    value.ok_or_else(|| Error::Unreadable(format!("unknown {what} {stored:?}")))
}

/// A stored number that only ever counts up.
///
/// # Errors
/// If it cannot have got there.
pub fn counter(stored: i64, what: &str) -> Result<i64, Error> {
    match (0..=COUNTER_MAX).contains(&stored) {
        true => Ok(stored),
        false => Err(Error::Unreadable(format!("{what} {stored} is out of range"))),
    }
}

/// Tells support of a row of `table`, once; `again` is how it comes to be looked at again.
///
/// # Errors
/// If it cannot be written: nothing has happened.
pub async fn tell(
    transaction: &mut Transaction<'_>,
    table: &str,
    row: &Unreadable,
    again: &str,
) -> Result<(), DatabaseError> {
    let Unreadable { key, why } = row;
    let order = OrderId::parse(key.clone()).or_else(|_| OrderId::parse("unreadable"));
    let order = order.expect("the fallback is a valid id");
    let cause = format!("{table} {}: {why}", key.escape_debug()).replace('\0', "\\0");
    let text = format!("{cause}. {again}");
    let (order, kind) = (&order, "unreadable row");
    alert::raise(transaction, Trouble { order, kind, cause: &cause, text: &text }).await
}

/// The relay of a service of the shop.
pub fn relay(context: &Context) -> Worker {
    let watch = Watch { exchanges: &EXCHANGES, unreadable: tell_of_message };
    outbox::watched_relay(&context.ports, context.settings.relay.clone(), watch)
}

fn tell_of_message<'a>(
    transaction: &'a mut Transaction<'_>,
    subject: &'a str,
    words: &'a str,
) -> BoxFuture<'a, Result<(), DatabaseError>> {
    Box::pin(async move {
        let row = Unreadable { key: subject.to_owned(), why: words.to_owned() };
        let again = "Set aside; mended, it is sent once its next_attempt_at is 0";
        tell(transaction, "outbox", &row, again).await
    })
}
