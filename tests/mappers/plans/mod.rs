//! How statements come by their rows: none reads a table from end to end that grows with the orders.
//!
//! Every statement of the sources, as the checks had it prepared, is planned on the databases that
//! the shop is served by; `sqlite` and `postgres` read what each says it would do. Then one index
//! after the other is taken away, and some statement has to scan: so each is there for a reason,
//! and a scan would be seen.

mod postgres;
mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use stormproof_system::service::{SERVICES, Service};

use super::{on_this_machine, statements};
use crate::servers::postgres::Postgres;
use postgres::Server;
use sqlite::File;

/// Tables that are read from end to end, and why they stay short. All others grow: with the orders,
/// or with the customers.
const SHORT: [(&str, &str); 3] = [
    ("products", "a row for each product, all of which a customer sees on one page"),
    ("stock", "a row for each product and warehouse"),
    ("reconciliations", "one row"),
];

/// A table that a plan reads from end to end: all of it, or all that an index holds.
struct Scan {
    table: String,
    /// The database's own words.
    plan: String,
}

/// An index that a migration makes, and its text.
struct Index {
    name: String,
    text: String,
}

/// A database with the tables of a service that says how it would run a statement.
trait Planner {
    /// Those that are no key of their table.
    async fn indexes(&mut self) -> Vec<Index>;

    /// What the statement would scan.
    async fn scans(&mut self, statement: &str) -> Vec<Scan>;

    /// Changes the tables.
    async fn change(&mut self, sql: String);
}

#[test]
fn no_statement_scans_a_table_that_grows_on_sqlite() {
    let prepared = statements::of_the_sources();
    on_this_machine(async {
        let mut found = Found::default();
        for service in SERVICES {
            found.look(&mut File::new(service).await, service, &prepared).await;
        }
        found.judge();
    });
}

#[test]
fn no_statement_scans_a_table_that_grows_on_postgres() {
    let prepared = statements::of_the_sources();
    on_this_machine(async {
        let mut found = Found::default();
        for service in SERVICES {
            let Some(database) = Postgres::or_skip("plans").await else { return };
            found.look(&mut Server::grown(&database, service).await, service, &prepared).await;
        }
        found.judge();
    });
}

/// A connection keeps a plan that it made of an empty table while the table grows, some minutes long.
/// What it reads of an index it may read more of than it has to; it never reads the table.
#[test]
fn no_statement_is_planned_as_a_scan_on_the_first_day_on_postgres() {
    let prepared = statements::of_the_sources();
    on_this_machine(async {
        let mut scans = BTreeSet::new();
        for service in SERVICES {
            let Some(database) = Postgres::or_skip("first_plans").await else { return };
            let mut server = Server::young(&database, service).await;
            for statement in &prepared[service.name] {
                let whole = |scan: &Scan| grows(scan) && scan.plan.starts_with("Seq Scan");
                let found = server.scans(statement).await.into_iter().filter(whole);
                scans.extend(
                    found.map(|it| format!("{}: {statement}\n    {}", service.name, it.plan)),
                );
            }
        }
        let scans = Vec::from_iter(scans);
        assert!(scans.is_empty(), "from end to end:\n{}", scans.join("\n"));
    });
}

/// What was seen in the databases of all services.
#[derive(Default)]
struct Found {
    /// Which statement scans what of the tables that grow.
    scans: BTreeSet<String>,
    /// The other tables that are scanned.
    short: BTreeSet<String>,
    /// Whether some statement has to scan without the index.
    indexes: BTreeMap<String, bool>,
}

impl Found {
    async fn look(
        &mut self,
        database: &mut impl Planner,
        service: Service,
        prepared: &BTreeMap<&'static str, BTreeSet<String>>,
    ) {
        let statements = &prepared[service.name];
        for statement in statements {
            for scan in database.scans(statement).await {
                if grows(&scan) {
                    let words = format!("{}: {statement}\n    {}", service.name, scan.plan);
                    self.scans.insert(words);
                } else {
                    self.short.insert(scan.table);
                }
            }
        }
        for Index { name, text } in database.indexes().await {
            database.change(format!("DROP INDEX {name}")).await;
            let mut spares = false;
            for statement in statements {
                // What scans with it does not need it.
                let is_sound = self.scans.is_empty();
                spares |= is_sound && database.scans(statement).await.iter().any(grows);
            }
            database.change(text).await;
            *self.indexes.entry(name).or_default() |= spares;
        }
    }

    fn judge(self) {
        let scans = Vec::from_iter(self.scans);
        assert!(scans.is_empty(), "from end to end:\n{}", scans.join("\n"));
        let idle: Vec<_> = self.indexes.iter().filter(|(_, spares)| !**spares).collect();
        assert!(!self.indexes.is_empty() && idle.is_empty(), "no statement needs {idle:?}");
        for (table, why) in SHORT {
            assert!(self.short.contains(table), "nobody scans {table} any more: {why}");
        }
    }
}

fn grows(scan: &Scan) -> bool {
    SHORT.iter().all(|(table, _)| *table != scan.table)
}

/// How many parameters the statement has: `$1` and so on.
fn parameters(statement: &str) -> usize {
    let numbers = statement.split('$').skip(1).map(|after| {
        let end = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
        after[..end].parse().expect("a parameter has a number")
    });
    numbers.max().unwrap_or(0)
}
