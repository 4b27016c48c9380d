//! A connection whose transactions overlap with those of others, as sqlx's `Any` drives it.

use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, TryFutureExt as _};
use futures::stream::{self, BoxStream};
use sqlx_core::Either;
use sqlx_core::any::{AnyArguments, AnyRow};
use sqlx_core::error::Result;
use sqlx_core::sql_str::SqlStr;

use super::{Conflict, Isolation, Number, Owner, Ran, Transactions, Turn};
use crate::connection::bind_of;
use crate::lock::lock;
use crate::session::Step;
use crate::substitutes;

/// What time it takes.
pub trait Pace: Send + Sync {
    /// Completes when a statement of this text may be run; `None`: at once. One that has waited for a row
    /// is asked for again.
    fn statement(&self, sql: &str) -> Option<BoxFuture<'static, ()>>;

    /// Completes when a commit that changes something is on the disk; `None`: at once. Until then its rows
    /// are locked.
    fn commit(&self) -> Option<BoxFuture<'static, ()>>;

    /// Completes with `turn`, and says true; or says false, when a lock was waited for long enough.
    fn lock(&self, turn: BoxFuture<'static, ()>) -> BoxFuture<'static, bool>;
}

/// One of the connections of a database, for one transaction after the other.
pub(crate) struct SharedConnection {
    transactions: Arc<Mutex<Transactions>>,
    isolation: Isolation,
    owner: Owner,
    pace: Arc<dyn Pace>,
    open: Option<Number>,
}

impl SharedConnection {
    pub(crate) fn new(
        transactions: Arc<Mutex<Transactions>>,
        isolation: Isolation,
        owner: Owner,
        pace: Arc<dyn Pace>,
    ) -> SharedConnection {
        SharedConnection { transactions, isolation, owner, pace, open: None }
    }

    /// Everybody's.
    pub(crate) fn transactions(&self) -> &Mutex<Transactions> {
        &self.transactions
    }

    /// Whether the database still has its power.
    pub(crate) fn is_alive(&self) -> bool {
        lock(&self.transactions).is_alive()
    }

    /// Begins a transaction, or a savepoint inside one.
    pub(crate) fn begin(&mut self) {
        let mut transactions = lock(&self.transactions);
        match self.open {
            None => self.open = Some(transactions.begin(self.isolation, self.owner)),
            Some(number) => transactions.savepoint(number),
        }
    }

    /// Commits the innermost.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        let Some(number) = self.open else { return Ok(()) };
        let changes = {
            let mut transactions = lock(&self.transactions);
            if transactions.release(number) {
                return Ok(());
            }
            transactions.has_changed(number)
        };
        if changes && let Some(pause) = self.pace.commit() {
            pause.await;
        }
        self.open = None;
        lock(&self.transactions).commit(number)
    }

    /// Undoes the innermost.
    pub(crate) fn roll_back(&mut self) -> Result<()> {
        let mut transactions = lock(&self.transactions);
        let Some(number) = self.open else { return Ok(()) };
        if transactions.savepoints(number) > 0 {
            return transactions.roll_back_to_savepoint(number);
        }
        self.open = None;
        transactions.roll_back(number)
    }

    pub(crate) fn depth(&self) -> usize {
        self.open.map_or(0, |number| 1 + lock(&self.transactions).savepoints(number))
    }

    /// Runs a text to its end; outside a transaction, in one of its own.
    pub(crate) async fn run(
        &mut self,
        query: SqlStr,
        keep: bool,
        arguments: Option<AnyArguments>,
    ) -> Result<Vec<Step>> {
        let name = || lock(&self.transactions).session.database_name();
        let query = substitutes::in_place_of(query, name);
        let arguments = arguments.unwrap_or_default().values.0;
        let alone = self.open.is_none();
        if alone {
            self.begin();
        }
        let number = self.open.expect("it was begun");
        let ran = loop {
            if let Some(pause) = self.pace.statement(query.as_str()) {
                pause.await;
            }
            let ran = {
                let binds: Vec<_> = arguments.iter().map(bind_of).collect();
                lock(&self.transactions).run(number, query.as_str(), keep, &binds)
            };
            match ran {
                Ok(Ran::Done(steps)) => break Ok(steps),
                Ok(Ran::MustWait(turn)) => {
                    if !self.is_its_turn(turn).await {
                        lock(&self.transactions).fail(number)?;
                        break Err(Conflict::LockTimeout.into());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        match (alone, &ran) {
            (false, _) => ran,
            (true, Ok(_)) => self.commit().await.and(ran),
            (true, Err(_)) => self.roll_back().and(ran),
        }
    }

    async fn is_its_turn(&self, turn: Turn) -> bool {
        // An error says that nobody is left to wait for, as when the database lost power.
        let turn = async move { turn.await.unwrap_or_default() };
        self.pace.lock(Box::pin(turn)).await
    }

    /// The same as a stream.
    pub(crate) fn rows(
        &mut self,
        query: SqlStr,
        keep: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxStream<'_, Result<Step>> {
        let ran = self.run(query, keep, arguments);
        let steps = ran.map_ok(|steps| stream::iter(steps.into_iter().map(Ok)));
        Box::pin(steps.try_flatten_stream())
    }

    /// The first row, if any.
    pub(crate) async fn first(
        &mut self,
        query: SqlStr,
        keep: bool,
        arguments: Option<AnyArguments>,
    ) -> Result<Option<AnyRow>> {
        let steps = self.run(query, keep, arguments).await?.into_iter();
        Ok(steps.filter_map(Either::right).next())
    }
}

impl Drop for SharedConnection {
    /// A transaction that is let go is undone.
    fn drop(&mut self) {
        if let Some(number) = self.open.take() {
            // An error says that the database has lost power, and has forgotten it by itself.
            lock(&self.transactions).roll_back(number).ok();
        }
    }
}
