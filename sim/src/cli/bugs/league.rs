//! What planting bugs came to: each bug's trails, the control, and the verdict.

use std::collections::BTreeMap;

use stormproof_sim::bugs::Bug;
use stormproof_sim::bugs::geometric::Count;
use stormproof_sim::bugs::header::Class;
use stormproof_sim::bugs::record::{Record, Row};

use super::hunt::{Found, Trail};
use crate::cli::Verdict;
use crate::cli::tally::Tally;

/// One bug and how it was found.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub class: Class,
    /// The invariant of its header.
    pub expected: String,
    pub canary: bool,
    pub trails: Vec<Trail>,
    pub build_seconds: f64,
}

/// Everything that was measured.
pub struct League {
    pub entries: Vec<Entry>,
    /// Patches that do not apply or do not compile, and why.
    pub unplanted: Vec<(String, String)>,
    /// The clean tree on the same seeds.
    pub control: Tally,
    /// The measurement that this one must not fall behind.
    pub record: Option<Record>,
}

impl Entry {
    pub fn new(bug: &Bug, trails: Vec<Trail>, build_seconds: f64) -> Entry {
        Entry {
            name: bug.name.clone(),
            class: bug.header.class,
            expected: bug.header.invariant.clone(),
            canary: bug.header.canary,
            trails,
            build_seconds,
        }
    }

    pub fn found(&self) -> impl Iterator<Item = &Found> {
        self.trails.iter().filter_map(|trail| trail.found.as_ref())
    }

    pub fn count(&self) -> Count {
        Count {
            detections: self.found().count() as u64,
            seeds: self.trails.iter().map(|trail| trail.seeds).sum(),
        }
    }

    /// The invariant that broke first most often.
    pub fn caught_by(&self) -> Option<&str> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for first in self.found().filter_map(|found| found.invariants.first()) {
            *counts.entry(first).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name)
    }

    /// Detections in which the expected invariant broke, be it first or not.
    pub fn as_expected(&self) -> u64 {
        self.found().filter(|found| found.invariants.contains(&self.expected)).count() as u64
    }

    /// Wall seconds of exploring one range: the median and the longest.
    pub fn seconds(&self) -> (f64, f64) {
        let mut seconds: Vec<f64> = self.trails.iter().map(|trail| trail.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        let median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
        (median, seconds.last().copied().unwrap_or_default())
    }

    /// What is wrong with it; `None`: it was found as it should be.
    pub fn complaint(&self, record: Option<&Record>) -> Option<&'static str> {
        let count = self.count();
        if self.canary && count.detections < count.seeds {
            return Some("the canary was not found by every seed: the harness is broken");
        }
        if count.detections == 0 {
            return Some("escaped");
        }
        let row = record?.row(&self.name)?;
        let weaker = count.is_weaker_than(row.count().chance().low);
        weaker.then_some("found later than recorded, by more than noise")
    }

    /// What is kept of it.
    pub fn row(&self) -> Row {
        let (seconds, seconds_max) = self.seconds();
        let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
        Row {
            name: self.name.clone(),
            class: self.class,
            ranges: self.trails.len() as u64,
            detections: self.count().detections,
            seeds: self.count().seeds,
            seconds: tenths(seconds),
            seconds_max: tenths(seconds_max),
            caught_by: self.caught_by().unwrap_or_default().to_owned(),
            as_expected: self.as_expected(),
        }
    }
}

impl League {
    /// Bugs that were not found as they should be, each with what is wrong.
    pub fn complaints(&self) -> Vec<(&str, &'static str)> {
        let record = self.record.as_ref();
        let wrong = |entry| Some((Entry::complaint(entry, record)?, entry));
        self.entries.iter().filter_map(wrong).map(|(what, entry)| (&*entry.name, what)).collect()
    }

    /// Bugs proper: the canary is of another kind.
    pub fn bugs(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.canary)
    }

    pub fn verdict(&self) -> Verdict {
        if !self.unplanted.is_empty() {
            return Verdict::CouldNotRun;
        }
        match self.complaints().is_empty() && self.control.broken.is_empty() {
            true => Verdict::Held,
            false => Verdict::Broken,
        }
    }

    /// What is kept: `before` with the bugs that were found now.
    pub fn to_record(&self, before: Record) -> Record {
        let found = self.bugs().filter(|entry| entry.complaint(None).is_none());
        before.with(found.map(Entry::row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::subject::Finding;
    use crate::cli::testing::{broken, outcome};

    fn entry(name: &str, canary: bool, trails: &[(u64, Option<&str>)]) -> Entry {
        let trail = |(seeds, invariant): &(u64, Option<&str>)| Trail {
            from: 1,
            seeds: *seeds,
            found: invariant.map(|invariant| Found {
                seed: *seeds,
                invariants: vec![invariant.to_owned(), "views agree".to_owned()],
                what: "order-1 is odd".to_owned(),
            }),
            seconds: *seeds as f64,
        };
        Entry {
            name: name.to_owned(),
            class: Class::Key,
            expected: "private".to_owned(),
            canary,
            trails: trails.iter().map(trail).collect(),
            build_seconds: 1.0,
        }
    }

    fn league(entries: Vec<Entry>) -> League {
        let mut control = Tally::new(1);
        control.add(1, Finding::Ended(Box::new(outcome(1))));
        League { entries, unplanted: Vec::new(), control, record: None }
    }

    #[test]
    fn an_entry_adds_up_its_trails() {
        let entry = entry(
            "x",
            false,
            &[(3, Some("private")), (9, Some("no oversell")), (5, Some("private")), (20, None)],
        );
        assert_eq!(entry.count(), Count { detections: 3, seeds: 37 });
        assert_eq!((entry.caught_by(), entry.as_expected()), (Some("private"), 2));
        assert_eq!(entry.seconds(), (9.0, 20.0));
    }

    #[test]
    fn what_was_found_holds_and_what_escaped_does_not() {
        let found = || entry("found", false, &[(3, Some("private"))]);
        let canary = |seeds| entry("canary", true, &[(seeds, Some("private"))]);
        assert_eq!(league(vec![canary(1), found()]).verdict(), Verdict::Held);
        assert_eq!(league(vec![canary(2), found()]).verdict(), Verdict::Broken);
        let escaped = entry("escaped", false, &[(500, None)]);
        let league = league(vec![canary(1), escaped]);
        assert_eq!(league.verdict(), Verdict::Broken);
        assert_eq!(league.complaints(), [("escaped", "escaped")]);
    }

    #[test]
    fn a_broken_control_and_an_unplanted_patch_are_told_apart() {
        let mut one = league(vec![entry("found", false, &[(3, Some("private"))])]);
        one.control.add(2, Finding::Ended(Box::new(broken(2, "private"))));
        assert_eq!(one.verdict(), Verdict::Broken);
        one.unplanted.push(("other".to_owned(), "does not compile".to_owned()));
        assert_eq!(one.verdict(), Verdict::CouldNotRun);
    }

    #[test]
    fn detection_must_not_become_weaker_than_recorded() {
        let before = league(vec![entry("x", false, &[(2, Some("private")); 10])]);
        let record = Some(before.to_record(Record::new("swarm")));
        let now = |seeds| League {
            record: record.clone(),
            ..league(vec![entry("x", false, &[(seeds, Some("private"))])])
        };
        assert_eq!(now(8).verdict(), Verdict::Held);
        assert_eq!(now(80).verdict(), Verdict::Broken);
    }
}
