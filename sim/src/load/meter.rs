//! What a seeded world counts while its shop is under load.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use stormproof_faults::topology::service_of;
use stormproof_ports::sql::Value;
use stormproof_shop::load::courses::{self, Course, Moved};
use stormproof_shop::load::meter::{Meter, Reading};
use stormproof_shop::load::named_transactions::{Look, ReplicaCounts};
use stormproof_shop::load::transactions::{Counts, Transactions};
use stormproof_world::World;

/// Counts nothing itself: the world does, and is asked at once.
pub(super) struct WorldMeter {
    pub(super) world: World,
    /// When the first order may come.
    pub(super) begin: Duration,
}

const MOVED: &str = "SELECT subject, noun, to_state, at FROM audit \
                     WHERE noun IN ('order', 'payment') ORDER BY at, id";

/// What the name of a database ends in.
const DATABASE: &str = "-db";

/// All databases together: as they are served, one server has them.
const POSTGRES: &str = "postgres";

impl WorldMeter {
    /// Statements as Postgres would count them, whose COMMITs are all of them.
    fn statements(&self) -> BTreeMap<String, i64> {
        let mut sum = BTreeMap::<String, i64>::new();
        for (kind, count) in self.world.statements().into_values().flatten() {
            *sum.entry(kind).or_default() += number(count);
        }
        let transactions = self.world.transactions();
        let all = |of: fn(&stormproof_world::TransactionCounts) -> u64| {
            number(transactions.values().map(of).sum())
        };
        sum.insert("COMMIT".to_owned(), all(|it| it.commits));
        sum.insert("ROLLBACK".to_owned(), all(|it| it.rollbacks));
        sum
    }

    /// Transactions that wrote.
    fn commits(&self) -> i64 {
        let commits = |kinds: BTreeMap<String, u64>| kinds.get("COMMIT").copied().unwrap_or(0);
        number(self.world.statements().into_values().map(commits).sum())
    }

    fn processor_ms(&self) -> BTreeMap<String, i64> {
        let mut sum = BTreeMap::<String, Duration>::new();
        for (node, spent) in self.world.processor_time() {
            let name = if node.ends_with(DATABASE) { POSTGRES.to_owned() } else { node };
            *sum.entry(name).or_default() += spent;
        }
        let millis = |spent: Duration| i64::try_from(spent.as_millis()).expect("it is virtual");
        sum.into_iter().map(|(name, spent)| (name, millis(spent))).collect()
    }

    fn moved(&self) -> Option<Vec<Moved>> {
        let rows = self.world.database("store-db").peek(MOVED, &[]).ok()?;
        rows.into_iter().map(moved).collect()
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).expect("a world has fewer events")
}

fn moved(row: Vec<Value>) -> Option<Moved> {
    let row: [Value; 4] = row.try_into().ok()?;
    match row {
        [Value::Text(order), Value::Text(noun), Value::Text(status), Value::Integer(at)] => {
            Some((order, noun, status, at))
        }
        _ => None,
    }
}

impl Meter for WorldMeter {
    fn begin(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let rest = self.begin.saturating_sub(self.world.elapsed());
            self.world.sleep(rest).await;
        })
    }

    fn read(&self) -> BoxFuture<'_, Reading> {
        let reading = Reading {
            commits: Ok([(String::new(), self.commits())].into()),
            statements: Ok(self.statements()),
            processor_ms: Ok(self.processor_ms()),
        };
        Box::pin(ready(reading))
    }

    fn transactions(&self) -> BoxFuture<'_, Result<Counts, String>> {
        let counts = self.world.transactions().into_iter().map(|(name, counts)| {
            let (commits, rollbacks) = (number(counts.commits), number(counts.rollbacks));
            // A circle is refused like any other conflict here.
            (name, Transactions { commits, rollbacks, deadlocks: 0 })
        });
        Box::pin(ready(Ok(counts.collect())))
    }

    /// A node's lives are one to the world.
    fn named_transactions(&self) -> BoxFuture<'_, Look> {
        let counts = self.world.transactions_by_name().into_iter().map(|(node, transactions)| {
            let named = |(name, counts): (&str, _)| {
                ((service_of(&node).to_owned(), name.to_owned()), counts)
            };
            let transactions = transactions.into_iter().map(named).collect();
            (node.clone(), Ok(ReplicaCounts { life: String::new(), transactions }))
        });
        Box::pin(ready(counts.collect()))
    }

    fn told_within(&self) -> Duration {
        Duration::ZERO
    }

    fn recorded<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Option<Vec<Course>>> {
        Box::pin(ready(self.moved().map(|moved| courses::recorded(ids, moved))))
    }

    fn most_kib(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}
