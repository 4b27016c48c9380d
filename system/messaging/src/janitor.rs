//! The janitor: rows that have been done with for long are forgotten, a few at a time, each few in a
//! transaction of its own.
//!
//! A message of the outbox is kept until it is sent, however long that takes. A message that comes again after
//! its inbox row was forgotten is handled again: what it does has to be guarded by a key or a state of its own,
//! and the inbox to be kept for longer than messages usually take.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use scoped_futures::ScopedFutureExt;
use sqlx::{Any, Decode, Encode, Type};
use stormproof_ports::notify::Notify;
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};
use stormproof_ports::{DatabaseError, Ports, id};

use crate::transaction::{Transaction, transact};

/// Rows that can be forgotten once they are old: which, and how.
#[derive(Debug)]
pub struct Forgettable {
    /// The name of the transaction that forgets some.
    pub name: &'static str,
    /// What the statements take and tell for a row's age.
    pub age: Age,
    /// The ages of the oldest rows that are older than `$1`, [`FORGOTTEN_MAX`] of them.
    pub oldest: &'static str,
    /// Deletes the rows from the age `$1` to the age `$2`. With two ends, any database goes by its index.
    pub delete: &'static str,
}

/// What tells how old a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Its id, which grows with time ([`id::fresh`]).
    Id,
    /// A column of microseconds since the epoch.
    Time,
}

/// How long rows are kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Which rows.
    pub rows: &'static Forgettable,
    /// For at least so long.
    pub at_least: Duration,
}

/// So many rows are forgotten in a transaction, and those that are exactly as old as the last of them.
pub const FORGOTTEN_MAX: usize = 100;

/// Messages that were sent; their age is that of the transaction that wrote them.
pub static SENT: Forgettable = Forgettable {
    name: "forget_sent",
    age: Age::Id,
    oldest: "SELECT id FROM outbox WHERE id < $1 AND status = 'SENT' ORDER BY id LIMIT 100",
    delete: "DELETE FROM outbox WHERE id >= $1 AND id <= $2 AND status = 'SENT'",
};

/// Which messages were received.
pub static RECEIVED: Forgettable = Forgettable {
    name: "forget_received",
    age: Age::Time,
    oldest: "SELECT received_at FROM inbox WHERE received_at < $1 ORDER BY received_at LIMIT 100",
    delete: "DELETE FROM inbox WHERE received_at >= $1 AND received_at <= $2",
};

/// Moves of machines.
pub static MOVES: Forgettable = Forgettable {
    name: "forget_moves",
    age: Age::Id,
    oldest: "SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT 100",
    delete: "DELETE FROM audit WHERE id >= $1 AND id <= $2",
};

/// The worker that forgets, every so often. Who has just started, or could not do it, waits for a tenth of
/// that.
pub fn worker(ports: &Ports, kept: Vec<Kept>, every: Duration) -> Worker {
    let soon = every / 10;
    let look_at = AtomicI64::new((ports.clock.now() + soon).0);
    let janitor = Arc::new(Janitor { ports: ports.clone(), kept, every, soon, look_at });
    Worker::new("janitor", Notify::default(), move || {
        let janitor = janitor.clone();
        Box::pin(async move { janitor.step().await })
    })
}

struct Janitor {
    ports: Ports,
    kept: Vec<Kept>,
    every: Duration,
    soon: Duration,
    /// Microseconds since the epoch, by this node's clock.
    look_at: AtomicI64,
}

impl Janitor {
    async fn step(&self) -> Progress {
        let now = self.ports.clock.now();
        let due = Time(self.look_at.load(Ordering::Relaxed));
        // A clock that was set back says nothing about what was due by it.
        if now < due && due < now + self.every + self.soon {
            return Progress::Until(due);
        }
        let mut is_more = false;
        for kept in &self.kept {
            match forget(&self.ports, *kept).await {
                Ok(forgotten) => is_more |= forgotten >= FORGOTTEN_MAX,
                Err(error) => {
                    let retry_at = self.next(self.soon);
                    return Progress::Failed { why: error.to_string(), retry_at };
                }
            }
        }
        match is_more {
            true => Progress::Worked,
            false => Progress::Until(self.next(self.every)),
        }
    }

    fn next(&self, wait: Duration) -> Time {
        let next = self.ports.clock.now() + wait;
        self.look_at.store(next.0, Ordering::Relaxed);
        next
    }
}

/// Forgets the oldest rows, if some are old enough by the database's clock; how many.
async fn forget(ports: &Ports, kept: Kept) -> Result<usize, DatabaseError> {
    let Kept { rows, at_least } = kept;
    transact(ports, rows.name, move |transaction| {
        async move {
            let before = transaction.database_time().await? - at_least;
            rows.forget_before(transaction, before).await
        }
        .scope_boxed()
    })
    .await
}

impl Forgettable {
    /// Forgets the oldest rows, if some are older than `before`; how many.
    ///
    /// # Errors
    /// If that cannot be done now: nothing has happened.
    pub async fn forget_before(
        &self,
        transaction: &mut Transaction<'_>,
        before: Time,
    ) -> Result<usize, DatabaseError> {
        match self.age {
            Age::Id => self.forget_as(transaction, id::earliest(before)).await,
            Age::Time => self.forget_as(transaction, before.0).await,
        }
    }

    async fn forget_as<T>(
        &self,
        transaction: &mut Transaction<'_>,
        before: T,
    ) -> Result<usize, DatabaseError>
    where
        T: for<'t> Encode<'t, Any> + for<'t> Decode<'t, Any> + Type<Any> + Clone + Send + Unpin,
        T: 'static,
    {
        let oldest: Vec<T> =
            sqlx::query_scalar(self.oldest).bind(before).fetch_all(transaction.sql()).await?;
        let [Some(first), Some(last)] = [oldest.first(), oldest.last()] else { return Ok(0) };
        let delete = sqlx::query(self.delete).bind(first.clone()).bind(last.clone());
        let done = delete.execute(transaction.sql()).await?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }
}
