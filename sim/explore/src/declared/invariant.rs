//! What must hold: a sentence, and a look at rows that says whether it does.

use std::cell::RefCell;

use stormproof_broker::{Broker, Queue};
use stormproof_ports::sql::Value;

use super::rows::Rows;
use stormproof_world::{SentMail, World};

/// A rule over the rows of all databases.
pub struct Invariant {
    /// What it says; breaches bear it as their name.
    pub name: &'static str,
    /// When it must hold.
    pub when: When,
    pub(super) check: Check,
}

/// An error says in a sentence what was seen instead.
type Check = Box<dyn Fn(&Seen<'_>) -> Result<(), String> + Send>;

/// When an invariant must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After every commit, and at rest.
    Always,
    /// When all is at rest.
    AtRest,
}

/// What is committed, as of now.
pub struct Seen<'a> {
    world: &'a World,
    /// A database that could not be looked at: nobody is connected to it.
    hidden: RefCell<Option<String>>,
}

impl Invariant {
    /// Must hold after every commit.
    pub fn always(
        name: &'static str,
        check: impl Fn(&Seen<'_>) -> Result<(), String> + Send + 'static,
    ) -> Invariant {
        Invariant { name, when: When::Always, check: Box::new(check) }
    }

    /// Must hold when all is at rest.
    pub fn at_rest(
        name: &'static str,
        check: impl Fn(&Seen<'_>) -> Result<(), String> + Send + 'static,
    ) -> Invariant {
        Invariant { name, when: When::AtRest, check: Box::new(check) }
    }
}

impl When {
    /// The word in lists.
    pub fn word(self) -> &'static str {
        match self {
            When::Always => "always",
            When::AtRest => "at rest",
        }
    }

    /// What it means.
    pub fn says(self) -> &'static str {
        match self {
            When::Always => "looked at after every commit, and at rest",
            When::AtRest => "looked at when all is at rest",
        }
    }
}

impl<'a> Seen<'a> {
    /// What is committed in `world`.
    pub fn of(world: &'a World) -> Seen<'a> {
        Seen { world, hidden: RefCell::default() }
    }

    /// The rows of a query to a database, which is named after its service: `ledger-db`. While
    /// nobody is connected to it, because it is down or its service is, nobody sees any.
    ///
    /// # Panics
    /// If there is no such database, or SQLite refuses the query.
    pub fn rows(&self, database: &str, sql: &'static str) -> Rows {
        let disk = self.world.database(database);
        if !disk.is_open() {
            if disk.was_opened() {
                *self.hidden.borrow_mut() = Some(database.to_owned());
            }
            return Rows(None);
        }
        let rows = disk.peek(sql, &[]);
        Rows(Some(rows.unwrap_or_else(|error| panic!("{database} was asked {sql:?}: {error}"))))
    }

    /// A database that was asked while nobody was connected to it any more, if one was: what was seen is
    /// not the whole. One that nobody has used yet holds nothing to be seen.
    pub fn hidden(&self) -> Option<String> {
        self.hidden.borrow().clone()
    }

    /// How many messages a queue holds, those included that somebody has taken and not acknowledged.
    ///
    /// # Panics
    /// If there is no such queue.
    pub fn messages(&self, queue: &str) -> usize {
        let depth = self.world.broker(|broker| broker.depth(queue));
        depth.unwrap_or_else(|error| panic!("{error}"))
    }

    /// How many messages there are: in whatever queue, and on their way to or from the broker.
    pub fn all_messages(&self) -> usize {
        let queued = |broker: &Broker| broker.queues().map(Queue::depth).sum::<usize>();
        self.world.broker(queued) + self.world.messages_in_flight()
    }

    /// The mails that the mail server has taken, in their order.
    pub fn mails(&self) -> Vec<SentMail> {
        self.world.mails()
    }

    /// The one number that a query comes to, such as a sum; zero for NULL, for nothing, and
    /// where no rows can be seen.
    ///
    /// # Panics
    /// If there is no such database, or SQLite refuses the query.
    pub fn number(&self, database: &str, sql: &'static str) -> i64 {
        let rows = self.rows(database, sql).0.unwrap_or_default();
        rows.first().and_then(|row| row.first()).and_then(Value::as_i64).unwrap_or(0)
    }
}
