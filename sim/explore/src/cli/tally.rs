//! What many runs come to. Findings arrive as workers finish; they are counted in the order of
//! their seeds, so that the same seeds give the same tally however many processes ran them.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};
use stormproof_faults::outcome::{Figures, Outcome};
use stormproof_faults::service_moment::{ServiceMoment, Strike};

use super::subject::Finding;

/// What a run that did not come to its end has broken: no invariant of the system's, but one of the
/// simulator's.
pub const COMPLETED: &str = "every run completes";

/// The sum of runs.
#[derive(Debug, Default)]
pub struct Tally {
    /// Seeds counted, those that died included.
    pub seeds: u64,
    pub died: u64,
    /// What the system counts of itself.
    pub figures: Figures,
    pub virtual_seconds: f64,
    pub events: u64,
    pub faults_fired: BTreeMap<String, u64>,
    pub sometimes: BTreeMap<String, u64>,
    /// Clients of a kind pass theirs as one.
    pub moments: BTreeMap<ServiceMoment, Passes>,
    /// Every moment with each kind of fault that struck when it was the last one passed.
    pub struck: BTreeMap<Strike, u64>,
    /// Faults asked for that did not fire, in words, and in how many runs.
    pub unfired: BTreeMap<String, u64>,
    pub broken: Vec<BrokenSeed>,
    chain: Sha256,
    fingerprint: Option<String>,
    /// The seed to be counted next.
    next: u64,
    waiting: BTreeMap<u64, Finding>,
}

/// How often a moment was passed, and in how many runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Passes {
    pub passes: u64,
    pub seeds: u64,
}

/// An invariant that a seed broke.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokenSeed {
    pub seed: u64,
    pub invariant: String,
    pub what: String,
    /// What it was seen of, by its name in the story.
    pub subject: Option<String>,
    /// Virtual seconds of the storm.
    pub at: f64,
}

/// All seeds that broke one invariant.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub invariant: String,
    pub seeds: u64,
    /// The first seed that broke it, and all that was seen then.
    pub first: u64,
    pub what: Vec<String>,
    /// What it was seen of first, by its name in the story.
    pub subject: Option<String>,
    /// When it broke first under that seed: virtual seconds of the storm.
    pub at: f64,
}

impl Tally {
    /// An empty tally of seeds from `first` on.
    pub fn new(first: u64) -> Tally {
        Tally { next: first, ..Tally::default() }
    }

    /// The tally of one run.
    pub fn of(seed: u64, finding: Finding) -> Tally {
        let mut tally = Tally::new(seed);
        tally.add(seed, finding);
        tally.finish();
        tally
    }

    /// Takes in a finding, whenever it comes.
    pub fn add(&mut self, seed: u64, finding: Finding) {
        self.waiting.insert(seed, finding);
        while let Some(finding) = self.waiting.remove(&self.next) {
            self.count(self.next, finding);
            self.next = self.next.saturating_add(1);
        }
    }

    /// Counts what still waits for a seed that never came, because time was up.
    pub fn finish(&mut self) {
        for (seed, finding) in std::mem::take(&mut self.waiting) {
            self.count(seed, finding);
        }
    }

    /// The run's own fingerprint if there is but one, else a hash over all, in the order of seeds.
    pub fn fingerprint(&self) -> String {
        match (&self.fingerprint, self.seeds) {
            (Some(fingerprint), 1) => fingerprint.clone(),
            _ => {
                let hash = self.chain.clone().finalize();
                hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }

    /// What broke, by invariant; those that most seeds broke come first.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for broken in &self.broken {
            let group = groups.entry(&broken.invariant).or_insert_with(|| Group {
                invariant: broken.invariant.clone(),
                seeds: 0,
                first: broken.seed,
                what: Vec::new(),
                subject: broken.subject.clone(),
                at: broken.at,
            });
            if group.first == broken.seed {
                group.what.push(broken.what.clone());
            }
            // One seed may break an invariant at several orders.
            if last.insert(&broken.invariant, broken.seed) != Some(broken.seed) {
                group.seeds += 1;
            }
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.seeds));
        groups
    }

    fn count(&mut self, seed: u64, finding: Finding) {
        self.seeds += 1;
        self.chain.update(format!("{seed} "));
        match finding {
            Finding::Ended(outcome) => self.count_outcome(seed, *outcome),
            Finding::Died(how) => {
                self.died += 1;
                self.chain.update("died\n");
                let invariant = COMPLETED.to_owned();
                let broken = BrokenSeed { seed, invariant, what: how, subject: None, at: 0.0 };
                self.broken.push(broken);
            }
        }
    }

    fn count_outcome(&mut self, seed: u64, outcome: Outcome) {
        self.chain.update(format!("{}\n", outcome.fingerprint));
        self.fingerprint = Some(outcome.fingerprint);
        self.figures.add(outcome.figures);
        self.virtual_seconds += outcome.virtual_seconds;
        self.events += outcome.events;
        sum(&mut self.faults_fired, outcome.faults_fired);
        sum(&mut self.sometimes, outcome.sometimes);
        let struck = outcome.struck.into_iter();
        sum(
            &mut self.struck,
            struck.map(|(it, count)| (Strike { at: it.at.of_all(), ..it }, count)),
        );
        sum(&mut self.unfired, outcome.unfired.into_iter().map(|fault| (fault, 1)));
        let mut moments = BTreeMap::new();
        sum(&mut moments, outcome.moments.into_iter().map(|(it, passes)| (it.of_all(), passes)));
        for (moment, passes) in moments {
            let entry = self.moments.entry(moment).or_default();
            entry.passes += passes;
            entry.seeds += u64::from(passes > 0);
        }
        self.broken.extend(outcome.broken.into_iter().map(|broken| BrokenSeed {
            seed,
            invariant: broken.invariant,
            what: broken.what,
            subject: broken.subject,
            at: broken.at,
        }));
    }
}

fn sum<K: Ord>(total: &mut BTreeMap<K, u64>, more: impl IntoIterator<Item = (K, u64)>) {
    for (name, count) in more {
        *total.entry(name).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{broken, outcome};

    fn tally(first: u64, findings: impl IntoIterator<Item = (u64, Finding)>) -> Tally {
        let mut tally = Tally::new(first);
        for (seed, finding) in findings {
            tally.add(seed, finding);
        }
        tally.finish();
        tally
    }

    fn ended(outcome: Outcome) -> (u64, Finding) {
        (outcome.seed, Finding::Ended(Box::new(outcome)))
    }

    #[test]
    fn the_order_of_arrival_does_not_show() {
        let findings = || {
            (1..=20).map(|seed| match seed {
                4 => (seed, Finding::Died("panicked".to_owned())),
                _ if seed % 3 == 0 => ended(broken(seed, "money conserved")),
                _ => ended(Outcome { virtual_seconds: 0.1 * seed as f64, ..outcome(seed) }),
            })
        };
        let forth = tally(1, findings());
        let back = tally(1, findings().rev());
        assert_eq!(forth.seeds, 20);
        assert_eq!(forth.fingerprint(), back.fingerprint());
        assert_eq!(forth.broken, back.broken);
        assert_eq!(forth.virtual_seconds.to_bits(), back.virtual_seconds.to_bits());
        assert_eq!(forth.figures.number("orders"), 19 * 3);
        assert_eq!(forth.figures.each("orders_by_status", "DELIVERED"), 19 * 2);
        let paid = "store: after commit of order PAID".parse().expect("well formed");
        assert_eq!(forth.moments[&paid], Passes { passes: 38, seeds: 19 });
    }

    #[test]
    fn seeds_beyond_a_gap_are_counted_at_the_end() {
        let tally = tally(1, [ended(outcome(1)), ended(outcome(3))]);
        assert_eq!((tally.seeds, tally.figures.number("orders")), (2, 6));
    }

    #[test]
    fn one_run_keeps_its_fingerprint_and_many_have_one_together() {
        assert_eq!(tally(7, [ended(outcome(7))]).fingerprint(), outcome(7).fingerprint);
        let two = tally(1, [ended(outcome(1)), ended(outcome(2))]).fingerprint();
        assert_eq!(two.len(), 16);
        assert_ne!(
            two,
            tally(1, [ended(outcome(2)), ended(outcome(1))].into_iter().take(1)).fingerprint()
        );
        assert_ne!(two, tally(1, [ended(outcome(1)), ended(outcome(3))]).fingerprint());
    }

    #[test]
    fn failures_are_grouped_by_invariant_with_the_first_seed() {
        let mut twice = broken(5, "money conserved");
        twice.broken.push(twice.broken[0].clone());
        let tally = tally(
            1,
            [
                (2, Finding::Died("signal: 9".to_owned())),
                ended(broken(9, "money conserved")),
                ended(twice),
                ended(broken(3, "no oversell")),
            ],
        );
        let groups: Vec<_> = tally
            .groups()
            .into_iter()
            .map(|group| (group.invariant, group.seeds, group.first))
            .collect();
        assert_eq!(
            groups,
            [
                ("money conserved".to_owned(), 2, 5),
                (COMPLETED.to_owned(), 1, 2),
                ("no oversell".to_owned(), 1, 3),
            ]
        );
        assert_eq!(tally.groups()[0].what.len(), 2);
        assert_eq!(tally.died, 1);
    }
}
