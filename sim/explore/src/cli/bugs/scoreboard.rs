//! What planting bugs came to: each bug's trails, the control, and the verdict.

use crate::bugs::Bug;
use crate::bugs::header::Class;
use crate::bugs::record::{self, Record, RecordRow};

use super::search::Search;
use crate::Profile;
use crate::cli::Verdict;
use crate::cli::shrink::Reduced;
use crate::cli::tally::Tally;

/// A shrunk detection is a small one with at most so many faults and orders.
pub const SMALL: (usize, usize) = (3, 2);

/// One bug and how it was found.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub class: Class,
    /// The invariant of its header.
    pub expected: String,
    pub canary: bool,
    /// One for each profile; the first of them must find it.
    pub searches: Vec<Search>,
    /// What the first detection shrank to.
    pub shrunk: Option<Reduced>,
    pub build_seconds: f64,
}

/// Everything that was measured.
pub struct Scoreboard {
    pub entries: Vec<Entry>,
    /// Patches that do not apply or do not compile, and why.
    pub unplanted: Vec<(String, String)>,
    /// The clean tree on the same seeds, for each profile.
    pub controls: Vec<(Profile, Tally)>,
    /// The measurement that this one must not fall behind.
    pub record: Option<Record>,
}

impl Entry {
    pub fn new(bug: &Bug) -> Entry {
        Entry {
            name: bug.name.clone(),
            class: bug.header.class,
            expected: bug.header.invariant.clone(),
            canary: bug.header.canary,
            searches: Vec::new(),
            shrunk: None,
            build_seconds: 0.0,
        }
    }

    /// With the profile that must find it.
    pub fn judged(&self) -> &Search {
        self.searches.first().expect("some profile was asked for")
    }

    /// Detections in which the expected invariant broke, be it first or not.
    pub fn as_expected(&self) -> u64 {
        self.judged().broke(&self.expected)
    }

    /// Whether people can see through what it shrank to.
    pub fn is_small(&self) -> bool {
        let small = |reduced: &Reduced| {
            let Reduced { after, unit, .. } = reduced;
            after.of("fault") <= SMALL.0 && after.of(unit) <= SMALL.1
        };
        self.shrunk.as_ref().is_some_and(small)
    }

    /// What is wrong with it; `None`: it was found as it should be.
    pub fn complaint(&self, record: Option<&Record>) -> Option<&'static str> {
        let count = self.judged().count();
        if self.canary && count.detections < count.seeds {
            return Some("the canary was not found by every seed: the harness is broken");
        }
        if count.detections == 0 {
            return Some("escaped");
        }
        let weaker = |search: &Search| {
            let before = record.and_then(|it| it.search(&self.name, search.profile.word()));
            before.is_some_and(|before| search.count().is_weaker_than(before.count().chance().low))
        };
        let weaker = self.searches.iter().any(weaker);
        weaker.then_some("found later than recorded, by more than noise")
    }

    /// What is kept of it.
    pub fn row(&self) -> RecordRow {
        let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
        let kept = |search: &Search| {
            let (seconds, seconds_max) = search.seconds();
            let kept = record::Search {
                ranges: search.trails.len() as u64,
                detections: search.count().detections,
                seeds: search.count().seeds,
                seconds: tenths(seconds),
                seconds_max: tenths(seconds_max),
                caught_by: search.caught_by().map(str::to_owned),
                as_expected: search.broke(&self.expected),
            };
            (search.profile.word().to_owned(), kept)
        };
        RecordRow {
            name: self.name.clone(),
            class: self.class,
            shrunk: self.shrunk.as_ref().map(|reduced| reduced.after.clone()),
            searches: self.searches.iter().map(kept).collect(),
        }
    }
}

impl Scoreboard {
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
        match self.complaints().is_empty() && self.control_holds() {
            true => Verdict::Held,
            false => Verdict::Broken,
        }
    }

    /// Whether the clean tree held on every seed.
    pub fn control_holds(&self) -> bool {
        self.controls.iter().all(|(_, tally)| tally.broken.is_empty())
    }

    /// What is kept: `before` with what was measured now, of bugs that were found.
    pub fn to_record(&self, before: Record) -> Record {
        let found = self.bugs().filter(|entry| entry.judged().count().detections > 0);
        before.with(found.map(Entry::row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bugs::search::found_after;
    use crate::cli::subject::Finding;
    use crate::cli::testing::{broken, outcome};

    fn search(profile: Profile, trails: &[(u64, Option<&str>)]) -> Search {
        let trails = trails.iter().map(|(seeds, invariant)| found_after(*seeds, *invariant));
        Search { profile, trails: trails.collect() }
    }

    fn entry(name: &str, canary: bool, trails: &[(u64, Option<&str>)]) -> Entry {
        Entry {
            name: name.to_owned(),
            class: Class::Key,
            expected: "private".to_owned(),
            canary,
            searches: vec![search(Profile::Swarm, trails)],
            shrunk: None,
            build_seconds: 1.0,
        }
    }

    fn scoreboard(entries: Vec<Entry>) -> Scoreboard {
        let mut control = Tally::new(1);
        control.add(1, Finding::Ended(Box::new(outcome(1))));
        let controls = vec![(Profile::Swarm, control)];
        Scoreboard { entries, unplanted: Vec::new(), controls, record: None }
    }

    #[test]
    fn what_was_found_holds_and_what_escaped_does_not() {
        let found = || entry("found", false, &[(3, Some("private"))]);
        let canary = |seeds| entry("canary", true, &[(seeds, Some("private"))]);
        assert_eq!(scoreboard(vec![canary(1), found()]).verdict(), Verdict::Held);
        assert_eq!(scoreboard(vec![canary(2), found()]).verdict(), Verdict::Broken);
        let escaped = entry("escaped", false, &[(500, None)]);
        let scoreboard = scoreboard(vec![canary(1), escaped]);
        assert_eq!(scoreboard.verdict(), Verdict::Broken);
        assert_eq!(scoreboard.complaints(), [("escaped", "escaped")]);
    }

    #[test]
    fn only_the_first_profile_must_find_a_bug() {
        let (swarm, none) = (Profile::Swarm, [(500, None)]);
        let mut entry = entry("x", false, &[(3, Some("private"))]);
        entry.searches.push(search(Profile::Priority, &none));
        assert_eq!(scoreboard(vec![entry.clone()]).verdict(), Verdict::Held);
        entry.searches.rotate_left(1);
        assert_eq!(scoreboard(vec![entry.clone()]).verdict(), Verdict::Broken);
        assert_eq!(entry.searches[1].profile, swarm);
    }

    #[test]
    fn a_broken_control_and_an_unplanted_patch_are_told_apart() {
        let mut one = scoreboard(vec![entry("found", false, &[(3, Some("private"))])]);
        one.controls[0].1.add(2, Finding::Ended(Box::new(broken(2, "private"))));
        assert_eq!(one.verdict(), Verdict::Broken);
        one.unplanted.push(("other".to_owned(), "does not compile".to_owned()));
        assert_eq!(one.verdict(), Verdict::CouldNotRun);
    }

    #[test]
    fn detection_must_not_become_weaker_than_recorded() {
        let found = |seeds| entry("x", false, &[(seeds, Some("private"))]);
        let before = scoreboard(vec![entry("x", false, &[(2, Some("private")); 10])]);
        let record = Some(before.to_record(Record::default()));
        let now = |seeds| Scoreboard { record: record.clone(), ..scoreboard(vec![found(seeds)]) };
        assert_eq!(now(8).verdict(), Verdict::Held);
        assert_eq!(now(80).verdict(), Verdict::Broken);
    }
}
