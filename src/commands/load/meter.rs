//! What a load costs: what is counted before each of its parts and after it, and the sum of the
//! differences. What lies between two parts, registering customers and looking at orders, is not in it.

use std::collections::BTreeMap;

use super::processes::{NamedProcess, Taken, look};
use super::servers::Server;
use super::{commits, conflicts, statements};

/// Counts by name, or why there are none.
type Counted = Result<BTreeMap<String, i64>, String>;

/// Who is asked.
pub struct Meter {
    pub servers: Result<Vec<Server>, String>,
    pub processes: Vec<NamedProcess>,
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

impl Meter {
    /// What became of the databases' transactions up to now.
    ///
    /// # Errors
    /// In words: why it cannot be known.
    pub async fn transactions(&self) -> Result<conflicts::Counts, String> {
        conflicts::count(self.servers.as_ref().map_err(String::clone)?).await
    }

    pub async fn read(&self) -> Reading {
        let (commits, statements) = match &self.servers {
            Ok(servers) => (commits::count(servers).await, statements::count(servers).await),
            Err(why) => (Err(why.clone()), Err(why.clone())),
        };
        let taken = look(&self.processes);
        let time = |(name, taken): (String, Taken)| (name, taken.processor_ms);
        Reading {
            commits: commits.map(|count| BTreeMap::from([(String::new(), count)])),
            statements,
            processor_ms: taken.map(|taken| taken.into_iter().map(time).collect()),
        }
    }
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
