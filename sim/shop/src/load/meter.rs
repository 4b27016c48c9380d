//! What a load costs: what is counted before each of its parts and after it, and the sum of the
//! differences. What lies between two parts, registering customers and looking at orders, is not in it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{BoxFuture, ready};

use super::courses::Course;
use super::named_transactions::Look;
use super::transactions::Counts;

/// Counts by name, or why there are none.
pub type Counted = Result<BTreeMap<String, i64>, String>;

/// What only the place where the shop runs can count. Errors are in words: why it cannot be known.
pub trait Meter: Sync {
    /// Completes when the first order may come: all is set up by then.
    fn begin(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }

    /// What all counters show now.
    fn read(&self) -> BoxFuture<'_, Reading>;

    /// What became of the databases' transactions up to now, by database.
    fn transactions(&self) -> BoxFuture<'_, Result<Counts, String>>;

    /// What each replica has counted of its transactions up to now, by their names.
    fn named_transactions(&self) -> BoxFuture<'_, Look>;

    /// How long it may take until a transaction is among those of the databases.
    fn told_within(&self) -> Duration;

    /// How these orders went, in their order, by the Store's own record; `None`: it cannot be asked.
    fn recorded<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Option<Vec<Course>>>;

    /// The most memory that each process had at any moment, in KiB; nothing of those not looked at.
    fn most_kib(&self) -> BTreeMap<String, u64>;
}

/// What all counters show at a moment, or how far they have come since one.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Transactions that wrote.
    pub commits: Counted,
    /// Statements, by kind.
    pub statements: Counted,
    /// Milliseconds of processor, by process.
    pub processor_ms: Counted,
}

impl Reading {
    /// Where a sum begins.
    pub fn nothing() -> Reading {
        let nothing = || Ok(BTreeMap::new());
        Reading { commits: nothing(), statements: nothing(), processor_ms: nothing() }
    }

    /// Adds how far the counters came from `before` to `after`.
    pub fn add(&mut self, before: Reading, after: Reading) {
        add(&mut self.commits, before.commits, after.commits);
        add(&mut self.statements, before.statements, after.statements);
        add(&mut self.processor_ms, before.processor_ms, after.processor_ms);
    }
}

/// One look that failed is a sum that is not known.
fn add(sum: &mut Counted, before: Counted, after: Counted) {
    let Ok(counts) = sum else { return };
    match before.and_then(|before| Ok((before, after?))) {
        Ok((before, after)) => {
            for (name, count) in after {
                let since = count - before.get(&name).copied().unwrap_or(0);
                *counts.entry(name).or_default() += since;
            }
        }
        Err(why) => *sum = Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(counts: &[(&str, i64)]) -> Counted {
        Ok(counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
    }

    #[test]
    fn what_lies_between_two_parts_is_not_in_the_sum() {
        let mut sum = counted(&[]);
        add(&mut sum, counted(&[("a", 10)]), counted(&[("a", 15), ("b", 2)]));
        add(&mut sum, counted(&[("a", 40), ("b", 2)]), counted(&[("a", 41), ("b", 9)]));
        assert_eq!(sum, counted(&[("a", 6), ("b", 9)]));
    }

    #[test]
    fn a_look_that_failed_is_a_sum_that_is_not_known() {
        let mut sum = counted(&[]);
        add(&mut sum, counted(&[("a", 1)]), Err("away".into()));
        add(&mut sum, counted(&[("a", 1)]), counted(&[("a", 2)]));
        assert_eq!(sum, Err("away".into()));
    }
}
