//! Looking for one bug: seed after seed, over several ranges, until one breaks.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use crate::bugs::geometric::Count;
use crate::{Options, Profile};
use serde::Serialize;

use crate::cli::process;
use crate::cli::seeds;
use crate::cli::subject::{Finding, Subject};
use crate::cli::tally::COMPLETED;

/// Seeds run before the first look at what they found; each time twice as many, up to `AT_ONCE_MAX`.
const AT_ONCE: u64 = 4;
const AT_ONCE_MAX: u64 = 32;

/// How seeds are explored.
pub struct SearchPlan {
    /// The storms of each profile.
    pub subjects: Vec<Subject>,
    /// The first seed of each range.
    pub ranges: Vec<u64>,
    /// At most so many in each.
    pub seeds: u64,
    pub jobs: usize,
}

/// What looking with one profile came to, range after range.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    pub profile: Profile,
    pub trails: Vec<Trail>,
}

/// What one range came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trail {
    /// The range's first seed.
    pub from: u64,
    /// Up to and including the one that found it; all of the range, if none did.
    pub seeds: u64,
    pub found: Option<Found>,
    /// Wall time of exploring.
    pub seconds: f64,
}

/// What gave the bug away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    pub seed: u64,
    /// In the order in which they broke, each once.
    pub invariants: Vec<String>,
    /// The first breach.
    pub what: String,
}

impl Search {
    pub fn found(&self) -> impl Iterator<Item = &Found> {
        self.trails.iter().filter_map(|trail| trail.found.as_ref())
    }

    pub fn count(&self) -> Count {
        Count {
            detections: self.found().count() as u64,
            seeds: self.trails.iter().map(|trail| trail.seeds).sum(),
        }
    }

    /// Wall seconds of exploring one range: the median and the longest.
    pub fn seconds(&self) -> (f64, f64) {
        let mut seconds: Vec<f64> = self.trails.iter().map(|trail| trail.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        let median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
        (median, seconds.last().copied().unwrap_or_default())
    }

    /// The invariant that broke first most often.
    pub fn caught_by(&self) -> Option<&str> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for first in self.found().filter_map(|found| found.invariants.first()) {
            *counts.entry(first).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name)
    }

    /// Detections in which this invariant broke, be it first or not.
    pub fn broke(&self, invariant: &str) -> u64 {
        let broke = |found: &&Found| found.invariants.iter().any(|broken| broken == invariant);
        self.found().filter(broke).count() as u64
    }
}

impl SearchPlan {
    /// Explores every range of the subject's seeds with `program` until it has found the bug.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn search(&self, program: &Path, subject: &Subject) -> Result<Search, String> {
        let start = process::worker_in(program.to_owned(), subject, Options::default());
        let trails = self.ranges.iter().map(|from| self.trail(&start, *from));
        Ok(Search { profile: subject.profile(), trails: trails.collect::<Result<_, _>>()? })
    }

    /// The lowest seed is told, however many processes ran them and whichever was first.
    fn trail(&self, start: process::Start<'_>, from: u64) -> Result<Trail, String> {
        let begun = Instant::now();
        let end = from.saturating_add(self.seeds);
        let (mut next, mut at_once) = (from, AT_ONCE);
        let mut found: Option<Found> = None;
        while next < end && found.is_none() {
            let window = next..end.min(next.saturating_add(at_once));
            (next, at_once) = (window.end, AT_ONCE_MAX.min(2 * at_once));
            let look = |(seed, finding)| {
                if found.as_ref().is_none_or(|found| seed < found.seed) {
                    found = broken(seed, &finding).or(found.take());
                }
            };
            seeds::explore(start, window, self.jobs, None, look)?;
        }
        let seeds = found.as_ref().map_or(self.seeds, |found| found.seed - from + 1);
        Ok(Trail { from, seeds, found, seconds: begun.elapsed().as_secs_f64() })
    }
}

fn broken(seed: u64, finding: &Finding) -> Option<Found> {
    match finding {
        Finding::Died(how) => {
            Some(Found { seed, invariants: vec![COMPLETED.to_owned()], what: how.clone() })
        }
        Finding::Ended(outcome) => {
            let first = outcome.broken.first()?;
            let mut invariants: Vec<String> = Vec::new();
            for broken in &outcome.broken {
                if !invariants.contains(&broken.invariant) {
                    invariants.push(broken.invariant.clone());
                }
            }
            Some(Found { seed, invariants, what: first.what.clone() })
        }
    }
}

/// A trail of so many seeds and seconds, whose last seed broke this invariant and one more.
#[cfg(test)]
pub fn found_after(seeds: u64, invariant: Option<&str>) -> Trail {
    let found = |invariant: &str| Found {
        seed: seeds,
        invariants: vec![invariant.to_owned(), "views agree".to_owned()],
        what: "visit-1 is odd".to_owned(),
    };
    Trail { from: 1, seeds, found: invariant.map(found), seconds: seeds as f64 }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::cli::testing::{broken, outcome};

    fn trail(breaks: impl Fn(u64) -> bool + Sync, seeds: u64) -> Trail {
        let plan = SearchPlan { subjects: vec![], ranges: vec![], seeds, jobs: 3 };
        let start = |range: std::ops::Range<u64>| {
            let say = |seed| {
                let outcome = if breaks(seed) { broken(seed, "private") } else { outcome(seed) };
                format!("echo '{}'", serde_json::to_string(&outcome).expect("plain data"))
            };
            let mut command = Command::new("sh");
            command.args(["-c", &range.map(say).collect::<Vec<_>>().join("\n")]);
            command
        };
        plan.trail(&start, 101).expect("sh starts")
    }

    #[test]
    fn the_lowest_seed_is_told() {
        let trail = trail(|seed| seed >= 117, 500);
        assert_eq!((trail.from, trail.seeds), (101, 17));
        let found = trail.found.expect("it breaks");
        assert_eq!((found.seed, found.invariants), (117, vec!["private".to_owned()]));
    }

    #[test]
    fn a_search_adds_up_its_trails() {
        let trails =
            [(3, Some("private")), (9, Some("no oversell")), (5, Some("private")), (20, None)];
        let trails = trails.map(|(seeds, invariant)| found_after(seeds, invariant)).to_vec();
        let search = Search { profile: Profile::Swarm, trails };
        assert_eq!(search.count(), Count { detections: 3, seeds: 37 });
        assert_eq!(search.caught_by(), Some("private"));
        assert_eq!((search.broke("private"), search.broke("views agree")), (2, 3));
        assert_eq!(search.seconds(), (9.0, 20.0));
    }

    #[test]
    fn what_is_not_found_is_not_told() {
        let trail = trail(|seed| seed == 111, 10);
        assert_eq!((trail.seeds, trail.found), (10, None));
    }
}
