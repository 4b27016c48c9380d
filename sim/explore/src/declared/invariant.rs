//! What must hold: a sentence, and a look at rows that says whether it does.

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
pub struct Seen<'a>(&'a World);

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
        Seen(world)
    }

    /// The rows of a query to a database, which is named after its service: `ledger-db`. Of one that
    /// no service has used yet there are none to be seen.
    ///
    /// # Panics
    /// If there is no such database, or SQLite refuses the query.
    pub fn rows(&self, database: &str, sql: &'static str) -> Rows {
        let disk = self.0.database(database);
        let ask = || match disk.peek(sql, &[]) {
            Ok(rows) => rows,
            Err(error) => panic!("{database} was asked {sql:?}: {error}"),
        };
        Rows(disk.is_open().then(ask))
    }

    /// How many messages a queue holds, those included that somebody has taken and not acknowledged.
    ///
    /// # Panics
    /// If there is no such queue.
    pub fn messages(&self, queue: &str) -> usize {
        let depth = self.0.broker(|broker| broker.depth(queue));
        depth.unwrap_or_else(|error| panic!("{error}"))
    }

    /// How many messages there are: in whatever queue, and on their way to or from the broker.
    pub fn all_messages(&self) -> usize {
        let queued = |broker: &Broker| broker.queues().map(Queue::depth).sum::<usize>();
        self.0.broker(queued) + self.0.messages_in_flight()
    }

    /// The mails that the mail server has taken, in their order.
    pub fn mails(&self) -> Vec<SentMail> {
        self.0.mails()
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
