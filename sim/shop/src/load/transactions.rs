//! What became of the databases' transactions: how many committed, were rolled back, met in a circle. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

/// What one database counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Transactions {
    pub commits: i64,
    pub rollbacks: i64,
    pub deadlocks: i64,
}

impl Transactions {
    /// Of a hundred transactions.
    pub fn rolled_back_percent(&self) -> f64 {
        let all = self.commits + self.rollbacks;
        if all == 0 { 0.0 } else { self.rollbacks as f64 * 100.0 / all as f64 }
    }

    fn since(self, before: Transactions) -> Transactions {
        Transactions {
            commits: self.commits - before.commits,
            rollbacks: self.rollbacks - before.rollbacks,
            deadlocks: self.deadlocks - before.deadlocks,
        }
    }
}

/// Up to now, by database.
pub type Counts = BTreeMap<String, Transactions>;

/// What was counted between two looks. A server that died in between counts anew (PostgreSQL's
/// documentation, "The Cumulative Statistics System"), which is no figure.
///
/// # Errors
/// In words: that it did.
pub fn between(before: &Counts, after: &Counts) -> Result<Counts, String> {
    let mut between = Counts::new();
    for (name, after) in after {
        let since = after.since(before.get(name).copied().unwrap_or_default());
        if since.commits < 0 || since.rollbacks < 0 {
            return Err(format!("the statistics of {name} began anew during the load"));
        }
        between.insert(name.clone(), since);
    }
    Ok(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(commits: i64, rollbacks: i64) -> Counts {
        let transactions = Transactions { commits, rollbacks, deadlocks: 1 };
        Counts::from([("store".to_owned(), transactions)])
    }

    #[test]
    fn what_was_counted_between_two_looks_is_their_difference() {
        let between = between(&counts(100, 5), &counts(160, 25)).expect("both are there");
        let expected = Transactions { commits: 60, rollbacks: 20, deadlocks: 0 };
        assert_eq!(between["store"], expected);
        assert!((expected.rolled_back_percent() - 25.0).abs() < 1e-9);
        assert!(Transactions::default().rolled_back_percent() < 1e-9);
    }

    #[test]
    fn statistics_that_began_anew_are_no_figure() {
        let why = between(&counts(100, 5), &counts(60, 5)).expect_err("they began anew");
        assert!(why.contains("store"), "{why}");
    }
}
