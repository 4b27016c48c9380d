//! What became of a replica's transactions, counted by name.
//!
//! Whoever runs transactions counts, whoever has the replica's ports can read; how it is shown to people is
//! the host's affair. A transaction that is run again is counted each time, as its database counts it; one
//! whose caller is gone before it has ended is not counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What became of a transaction, or of one attempt at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionOutcome {
    /// Its changes are there.
    Committed,
    /// Its own work refused, and undid it.
    RolledBack,
    /// Undone in favour of another, and run again.
    Conflict,
    /// Undone in favour of others for the last time: its caller is told to come later.
    GivenUp,
    /// Nobody knows whether the commit happened.
    InDoubt,
    /// There was no database to be had, or it was lost before the commit: nothing happened.
    Unavailable,
}

impl TransactionOutcome {
    /// All of them, in the order of the definition.
    pub const ALL: [TransactionOutcome; 6] = [
        TransactionOutcome::Committed,
        TransactionOutcome::RolledBack,
        TransactionOutcome::Conflict,
        TransactionOutcome::GivenUp,
        TransactionOutcome::InDoubt,
        TransactionOutcome::Unavailable,
    ];

    /// Its word wherever it is shown.
    pub fn word(self) -> &'static str {
        match self {
            TransactionOutcome::Committed => "committed",
            TransactionOutcome::RolledBack => "rolled_back",
            TransactionOutcome::Conflict => "conflict",
            TransactionOutcome::GivenUp => "given_up",
            TransactionOutcome::InDoubt => "in_doubt",
            TransactionOutcome::Unavailable => "unavailable",
        }
    }
}

/// How often each outcome was that of one transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts([u64; TransactionOutcome::ALL.len()]);

impl OutcomeCounts {
    /// Of one outcome.
    pub fn of(&self, outcome: TransactionOutcome) -> u64 {
        self.0[outcome as usize]
    }

    /// Of all outcomes together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// So many more of one outcome.
    pub fn add(&mut self, outcome: TransactionOutcome, count: u64) {
        self.0[outcome as usize] += count;
    }
}

/// The counts of one replica. Clones are the same counts.
#[derive(Clone, Default)]
pub struct TransactionMetrics(Arc<Mutex<BTreeMap<&'static str, OutcomeCounts>>>);

impl TransactionMetrics {
    /// Counts one `outcome` of the transaction called `name`.
    pub fn count(&self, name: &'static str, outcome: TransactionOutcome) {
        self.lock().entry(name).or_default().add(outcome, 1);
    }

    /// All counts up to now, by the transactions' names.
    pub fn read(&self) -> BTreeMap<&'static str, OutcomeCounts> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, OutcomeCounts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_place_and_a_word_of_its_own() {
        for (place, outcome) in TransactionOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place, "{outcome:?}");
            let same = |it: &TransactionOutcome| it.word() == outcome.word();
            assert_eq!(TransactionOutcome::ALL.iter().filter(|it| same(it)).count(), 1);
        }
    }

    #[test]
    fn clones_count_together_and_names_apart() {
        let metrics = TransactionMetrics::default();
        metrics.count("book", TransactionOutcome::Conflict);
        metrics.clone().count("book", TransactionOutcome::Committed);
        metrics.count("book", TransactionOutcome::Conflict);
        metrics.count("cancel", TransactionOutcome::GivenUp);
        let counts = metrics.read();
        let all = |name| TransactionOutcome::ALL.map(|outcome| counts[name].of(outcome));
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), ["book", "cancel"]);
        assert_eq!((all("book"), all("cancel")), ([1, 0, 2, 0, 0, 0], [0, 0, 0, 1, 0, 0]));
    }
}
