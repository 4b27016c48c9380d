//! How the mirror is fed: changed rows after each commit, everything at the start, and everything
//! once more when it has to prove that nothing committed was lost.

use std::time::Duration;

use stormproof_ports::sql::Value;
use stormproof_ports::story::Fact;

use super::rows::*;
use super::{Step, Told, Truth};

/// Rows, each a list of values.
pub type Rows = Vec<Vec<Value>>;

/// Databases that can be looked into past the services, at once.
pub trait Peek {
    /// The rows of a query of one database.
    ///
    /// # Panics
    /// If the database cannot answer it: what cannot be watched is no run.
    fn peek(&self, database: &str, sql: &'static str, arguments: &[Value]) -> Rows;
}

/// What a transaction has just made true.
pub struct Committed<'a> {
    /// Time since the run began.
    pub at: Duration,
    pub database: &'a str,
    pub facts: &'a [Fact],
    pub changes: Vec<RowChange<'a>>,
}

/// A row that a commit changed.
#[derive(Clone, Copy, Debug)]
pub struct RowChange<'a> {
    pub table: &'a str,
    /// The row's number in its table.
    pub number: i64,
    pub what: RowFate,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFate {
    Inserted,
    Updated,
    Deleted,
}

/// A table whose rows are counted, not read.
struct Counted {
    database: &'static str,
    table: &'static str,
    sql: &'static str,
}

macro_rules! counted {
    ($($database:literal $table:literal),* $(,)?) => {
        [$(Counted {
            database: $database,
            table: $table,
            sql: concat!("SELECT count(*) FROM ", $table),
        }),*]
    };
}

/// With the rows that are read, every table of every database.
const COUNTED: [Counted; 22] = counted! {
    "store-db" "outbox", "store-db" "inbox", "store-db" "audit", "store-db" "users",
    "store-db" "products", "store-db" "order_lines", "store-db" "allocations",
    "store-db" "idempotency", "store-db" "reconciliations",
    "warehouse-db" "outbox", "warehouse-db" "inbox", "warehouse-db" "audit",
    "bank-db" "outbox", "bank-db" "inbox", "bank-db" "audit",
    "delivery-db" "outbox", "delivery-db" "inbox", "delivery-db" "audit",
    "email-db" "outbox", "email-db" "inbox", "email-db" "audit", "email-db" "sent",
};

/// Every table that is watched, with its database.
pub fn watched() -> Vec<(&'static str, &'static str)> {
    let mut watched: Vec<_> = COUNTED.iter().map(|it| (it.database, it.table)).collect();
    macro_rules! add {
        ($row:ident ($watched:ident)) => {
            $watched.push(($row::DATABASE, $row::TABLE));
        };
    }
    for_every_row!(add(watched));
    watched.sort_unstable();
    watched
}

impl Truth {
    /// What the databases hold before anything has happened.
    pub fn load(world: &impl Peek) -> Truth {
        let mut truth = Truth::default();
        let mut step = Step::default();
        macro_rules! load {
            ($row:ident ($truth:ident, $step:ident)) => {
                for (number, row) in read_all::<$row>(world) {
                    $truth.set(&mut $step, number, Some(row));
                }
            };
        }
        for_every_row!(load(truth, step));
        truth.settle(&step);
        truth.lows.followed = true;
        truth.counts = COUNTED.iter().map(|counted| counted.count(world)).collect();
        truth
    }

    /// Follows a commit. Returns what it changed among the watched rows.
    pub fn follow(&mut self, world: &impl Peek, commit: &Committed<'_>) -> Step {
        let told = commit.facts.iter().map(|fact| Told {
            noun: fact.noun,
            state: fact.state,
            order: fact.subject.clone(),
        });
        let mut step = Step { at: commit.at, facts: told.collect(), ..Step::default() };
        if commit.changes.is_empty() {
            return step;
        }
        for change in &commit.changes {
            self.follow_row(world, commit.database, change, &mut step);
        }
        self.settle(&step);
        step
    }

    fn follow_row(
        &mut self,
        disk: &impl Peek,
        database: &str,
        change: &RowChange<'_>,
        step: &mut Step,
    ) {
        macro_rules! follow {
            ($row:ident ($truth:ident, $disk:ident, $database:ident, $change:ident, $step:ident)) => {
                if $change.table == $row::TABLE && $database == $row::DATABASE {
                    let row = match $change.what {
                        RowFate::Deleted => None,
                        _ => read_one::<$row>($disk, $change.number),
                    };
                    return $truth.set($step, $change.number, row);
                }
            };
        }
        let truth = &mut *self;
        for_every_row!(follow(truth, disk, database, change, step));
        for (counted, count) in COUNTED.iter().zip(&mut self.counts) {
            if counted.database == database && counted.table == change.table {
                match change.what {
                    RowFate::Inserted => *count += 1,
                    RowFate::Deleted => {
                        *count -= 1;
                        step.forgotten += 1;
                    }
                    RowFate::Updated => {}
                }
            }
        }
    }

    /// Reads every database again: in words, what was committed and is not there any more, or is
    /// there and was never committed.
    pub fn compare(mut self, world: &impl Peek) -> Vec<String> {
        let mut lost = Vec::new();
        let mut again = Truth::default();
        let mut step = Step::default();
        macro_rules! compare {
            ($row:ident ($world:ident, $again:ident, $step:ident, $lost:ident, $truth:ident)) => {{
                for (number, row) in read_all::<$row>($world) {
                    $again.set(&mut $step, number, Some(row));
                }
                // Both sides as owned tables: `Row::table` hands out what can be changed.
                let now = $row::table(&mut $again).rows.clone();
                let then = $row::table($truth).rows.clone();
                for (number, row) in &then {
                    match now.get(number) {
                        Some(found) if found == row => {}
                        Some(found) => $lost.push(format!(
                            "{}: a row of {} was {row:?} and is {found:?} without a commit",
                            $row::DATABASE,
                            $row::TABLE
                        )),
                        None => $lost.push(format!(
                            "{}: a row of {} is gone: {row:?}",
                            $row::DATABASE,
                            $row::TABLE
                        )),
                    }
                }
                for (number, row) in &now {
                    if !then.contains_key(number) {
                        $lost.push(format!(
                            "{}: a row of {} came without a commit: {row:?}",
                            $row::DATABASE,
                            $row::TABLE
                        ));
                    }
                }
            }};
        }
        let truth = &mut self;
        for_every_row!(compare(world, again, step, lost, truth));
        for (counted, then) in COUNTED.iter().zip(&self.counts) {
            let now = counted.count(world);
            if now != *then {
                let Counted { database, table, .. } = counted;
                lost.push(format!("{database}: {table} had {then} rows and has {now}"));
            }
        }
        lost
    }
}

fn read_one<R: Row>(databases: &impl Peek, number: i64) -> Option<R> {
    let rows = databases.peek(R::DATABASE, R::ONE, &[number.into()]);
    rows.first().map(|values| R::read(values))
}

fn read_all<R: Row>(databases: &impl Peek) -> Vec<(i64, R)> {
    let numbered = |values: &Vec<_>| {
        let number = Value::as_i64(&values[0]).expect("row numbers are integers");
        (number, R::read(&values[1..]))
    };
    databases.peek(R::DATABASE, R::ALL, &[]).iter().map(numbered).collect()
}

impl Counted {
    fn count(&self, databases: &impl Peek) -> i64 {
        let rows = databases.peek(self.database, self.sql, &[]);
        rows[0][0].as_i64().expect("a count is an integer")
    }
}
