//! What became of the services' transactions, by their names: which of them others came between, and how
//! often. Pure.
//!
//! Databases count how many they undid (`transactions.rs`); the services know which, and also what they undid
//! themselves since a guard did not hold any more.

use std::collections::BTreeMap;

use serde::Serialize;
use stormproof_ports::metrics::{OutcomeCounts, TransactionOutcome};

/// What a replica has counted up to now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaCounts {
    /// Another one is that of another life, which counted anew.
    pub life: String,
    /// By service and name.
    pub transactions: BTreeMap<(String, String), OutcomeCounts>,
}

/// Every replica, by whatever it is known to people; or why it could not be asked.
pub type Look = BTreeMap<String, Result<ReplicaCounts, String>>;

/// One name's transactions during the load, all replicas together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NamedTransactions {
    pub service: String,
    pub transaction: String,
    pub committed: u64,
    /// Refused by their own work.
    pub rolled_back: u64,
    /// Undone in favour of another, and run again.
    pub conflicts: u64,
    /// Undone in favour of others for the last time.
    pub given_up: u64,
    pub in_doubt: u64,
    pub unavailable: u64,
    /// Of a hundred, those undone in favour of others.
    pub undone_percent: f64,
}

impl NamedTransactions {
    fn of((service, transaction): (String, String), counts: OutcomeCounts) -> NamedTransactions {
        let [committed, rolled_back, conflicts, given_up, in_doubt, unavailable] =
            TransactionOutcome::ALL.map(|outcome| counts.of(outcome));
        let all: u64 = TransactionOutcome::ALL.map(|outcome| counts.of(outcome)).iter().sum();
        let undone = (conflicts + given_up) as f64;
        NamedTransactions {
            service,
            transaction,
            committed,
            rolled_back,
            conflicts,
            given_up,
            in_doubt,
            unavailable,
            undone_percent: if all == 0 { 0.0 } else { undone * 100.0 / all as f64 },
        }
    }

    /// Whether others came between.
    pub fn conflicted(&self) -> bool {
        self.conflicts + self.given_up > 0
    }
}

/// What was counted between two looks, and what is to be known about it.
pub fn between(before: &Look, after: &Look) -> (Vec<NamedTransactions>, Vec<String>) {
    let mut sum = BTreeMap::<_, OutcomeCounts>::new();
    let mut remarks = Vec::new();
    for (replica, after) in after {
        let (before, after) = match (before.get(replica), after) {
            (Some(Ok(before)), Ok(after)) => (before, after),
            (_, Err(why)) => {
                remarks.push(missing(replica, "after the load", why));
                continue;
            }
            (before, Ok(_)) => {
                let why = before.and_then(|before| before.as_ref().err());
                let why = why.map_or("it was not there", String::as_str);
                remarks.push(missing(replica, "before the load", why));
                continue;
            }
        };
        let is_same = before.life == after.life;
        if !is_same {
            remarks.push(format!(
                "{replica} was started again during the load: its transactions are those of its last \
                 life only"
            ));
        }
        for (name, counts) in &after.transactions {
            let before = before.transactions.get(name).filter(|_| is_same);
            let sum = sum.entry(name.clone()).or_default();
            for outcome in TransactionOutcome::ALL {
                let earlier = before.map_or(0, |before| before.of(outcome));
                sum.add(outcome, counts.of(outcome).saturating_sub(earlier));
            }
        }
    }
    let counted = sum.into_iter().filter(|(_, counts)| counts.total() > 0);
    (counted.map(|(name, counts)| NamedTransactions::of(name, counts)).collect(), remarks)
}

fn missing(replica: &str, when: &str, why: &str) -> String {
    format!("{replica} could not be asked {when} what became of its transactions: {why}")
}

#[cfg(test)]
mod tests {
    use super::TransactionOutcome::{Committed, Conflict, GivenUp};
    use super::*;

    fn counts(life: &str, all: &[(&str, TransactionOutcome, u64)]) -> ReplicaCounts {
        let mut counts = ReplicaCounts { life: life.to_owned(), ..ReplicaCounts::default() };
        for (name, outcome, count) in all {
            let name = ("store".to_owned(), (*name).to_owned());
            counts.transactions.entry(name).or_default().add(*outcome, *count);
        }
        counts
    }

    fn look<const N: usize>(all: [(&str, Result<ReplicaCounts, &str>); N]) -> Look {
        let owned = |(name, counts): (&str, Result<_, &str>)| {
            (name.to_owned(), counts.map_err(str::to_owned))
        };
        all.map(owned).into()
    }

    #[test]
    fn replicas_are_added_and_what_was_before_is_taken_off() {
        let before = look([
            ("a", Ok(counts("1", &[("place", Committed, 5), ("find", Committed, 7)]))),
            ("b", Ok(counts("1", &[("place", Conflict, 1)]))),
        ]);
        let after = look([
            ("a", Ok(counts("1", &[("place", Committed, 8), ("find", Committed, 7)]))),
            ("b", Ok(counts("1", &[("place", Conflict, 2), ("place", GivenUp, 1)]))),
        ]);
        let (named, remarks) = between(&before, &after);
        let place = NamedTransactions {
            service: "store".into(),
            transaction: "place".into(),
            committed: 3,
            conflicts: 1,
            given_up: 1,
            undone_percent: 40.0,
            ..NamedTransactions::default()
        };
        assert!(place.conflicted());
        assert_eq!((named, remarks), (vec![place], Vec::new()));
    }

    #[test]
    fn who_was_started_again_or_could_not_be_asked_is_told_of() {
        let before = look([
            ("again", Ok(counts("1", &[("place", Committed, 5)]))),
            ("gone", Ok(counts("1", &[("place", Committed, 5)]))),
            ("late", Err("refused")),
        ]);
        let after = look([
            ("again", Ok(counts("2", &[("place", Committed, 6)]))),
            ("gone", Err("hung up")),
            ("late", Ok(counts("1", &[("place", Committed, 50)]))),
        ]);
        let (named, remarks) = between(&before, &after);
        assert_eq!(named[0].committed, 6);
        assert!(remarks[0].starts_with("again was started again"), "{remarks:?}");
        assert!(remarks[1].starts_with("gone") && remarks[1].ends_with("hung up"), "{remarks:?}");
        assert!(remarks[2].contains("late could not be asked before"), "{remarks:?}");
    }
}
