//! What must hold: a sentence, and a look at rows that says whether it does.

use super::rows::Rows;
use stormproof_ports::sql::Value;
use stormproof_world::World;

/// A rule over the rows of all databases.
pub struct Invariant {
    /// What it says; breaches bear it as their name.
    pub name: &'static str,
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

impl<'a> Seen<'a> {
    /// What is committed in `world`.
    pub fn of(world: &'a World) -> Seen<'a> {
        Seen(world)
    }

    /// The rows of a query to a database, which is named after its service: `ledger-db`. Of one that
    /// is down there are none to be seen.
    ///
    /// # Panics
    /// If there is no such database.
    pub fn rows(&self, database: &str, sql: &'static str) -> Rows {
        Rows(self.0.database(database).peek(sql, &[]).ok())
    }

    /// The one number that a query comes to, such as a sum; zero for NULL and for nothing.
    ///
    /// # Panics
    /// If there is no such database.
    pub fn number(&self, database: &str, sql: &'static str) -> i64 {
        let rows = self.rows(database, sql).0.unwrap_or_default();
        rows.first().and_then(|row| row.first()).and_then(Value::as_i64).unwrap_or(0)
    }
}
