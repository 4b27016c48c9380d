//! What there is: scenarios, faults, invariants, moments, sometimes-counters and planted bugs, each
//! with what it says; and which of them a set of seeds has left out.

use std::collections::BTreeMap;

use serde::Serialize;
use stormproof_sim::bugs;
use stormproof_sim::shop::scenario::{fault_names, files};
use stormproof_sim::shop::{invariants, moments, sometimes};
use stormproof_sim::storm::moment::{Act, Moment, Side};

use super::arguments::{Registry, SEEDS, STORM};
use super::subject::Subject;
use super::tally::Tally;

/// One entry of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub name: String,
    pub says: String,
    /// When it is judged, for invariants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// Something that should have happened under so many seeds, and has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// `fault never fired` or `never seen`.
    pub gap: &'static str,
    pub name: String,
}

impl Registry {
    /// In the order in which they are shown.
    pub const ALL: [Registry; 6] = [
        Registry::Scenarios,
        Registry::Faults,
        Registry::Invariants,
        Registry::Moments,
        Registry::Sometimes,
        Registry::Bugs,
    ];

    /// The word on the command line and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Registry::Scenarios => "scenarios",
            Registry::Faults => "faults",
            Registry::Invariants => "invariants",
            Registry::Moments => "moments",
            Registry::Sometimes => "sometimes",
            Registry::Bugs => "bugs",
        }
    }

    /// Everything in it.
    pub fn entries(self) -> Vec<Entry> {
        match self {
            Registry::Scenarios => scenarios(),
            Registry::Faults => fault_names().map(|(name, says)| entry(name, says)).collect(),
            Registry::Invariants => invariants::INVARIANTS.iter().map(invariant).collect(),
            Registry::Moments => {
                moments::MOMENTS.iter().chain(moments::HOURLY).flat_map(passed).collect()
            }
            Registry::Sometimes => rare(),
            Registry::Bugs => planted(),
        }
    }
}

/// What the tally's seeds should have covered. A few seeds are not asked for everything.
pub fn gaps(subject: &Subject, tally: &Tally) -> Vec<Gap> {
    if !subject.is_storm() {
        let never = tally.unfired.iter().filter(|(_, runs)| **runs == tally.seeds - tally.died);
        return never.map(|(fault, _)| Gap { gap: NEVER_FIRED, name: fault.clone() }).collect();
    }
    if tally.seeds < SEEDS {
        return Vec::new();
    }
    let never = |registry: Registry, gap, seen: &dyn Fn(&str) -> u64| {
        let unseen = registry.entries().into_iter().filter(|entry| seen(&entry.name) == 0);
        unseen.map(|entry| Gap { gap, name: entry.name }).collect::<Vec<_>>()
    };
    let fired = |name: &str| tally.faults_fired.get(name).copied().unwrap_or(0);
    let seen = |name: &str| tally.sometimes.get(name).copied().unwrap_or(0);
    let mut gaps = never(Registry::Faults, NEVER_FIRED, &fired);
    gaps.extend(never(Registry::Sometimes, "never seen", &seen));
    gaps
}

const NEVER_FIRED: &str = "fault never fired";

/// The names of a registry with their counts, then what was counted without being in it.
pub fn counted(registry: Registry, counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut rows: Vec<(String, u64)> = registry
        .entries()
        .into_iter()
        .map(|entry| {
            let count = counts.get(&entry.name).copied().unwrap_or(0);
            (entry.name, count)
        })
        .collect();
    for (name, count) in counts {
        if !rows.iter().any(|(known, _)| known == name) {
            rows.push((name.clone(), *count));
        }
    }
    rows
}

/// The files that can be read, with their first lines; a mistake stands where the line would.
fn scenarios() -> Vec<Entry> {
    let storm = entry(STORM, "Built in: a world drawn from the seed.");
    let read = files::all().into_iter().map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let says = match files::load(&path.to_string_lossy()) {
            Ok(scenario) => scenario.about,
            Err(mistake) => format!("cannot be run: {mistake}"),
        };
        entry(&name, &says)
    });
    std::iter::once(storm).chain(read).collect()
}

/// The patches that can be read; a mistake stands where the sentence would.
fn planted() -> Vec<Entry> {
    match bugs::all() {
        Ok(bugs) => bugs.iter().map(|bug| entry(&bug.name, &bug.header.about)).collect(),
        Err(mistake) => vec![entry(&mistake.file, &format!("cannot be planted: {mistake}"))],
    }
}

fn invariant(invariant: &invariants::Invariant) -> Entry {
    let when = Some(invariant.when.as_str().to_owned());
    Entry { when, ..entry(invariant.name, invariant.says) }
}

/// Rare events, then every transition of every machine, named as outcomes count them.
fn rare() -> Vec<Entry> {
    let rare = sometimes::REGISTRY.iter().map(|row| entry(row.name, row.says));
    let transitions = invariants::arrows().into_iter().map(|(machine, from, to)| {
        entry(&format!("{machine} {from} -> {to}"), "a transition is taken")
    });
    rare.chain(transitions).collect()
}

/// Both sides of every act, named as outcomes count them.
fn passed(row: &moments::Row) -> impl Iterator<Item = Entry> {
    row.names.iter().flat_map(|name| {
        [Side::Before, Side::After].map(|side| {
            let moment = Moment::new(side, row.act, *name);
            entry(&format!("{}: {moment}", row.service), what_is_known(side, row.act))
        })
    })
}

/// What has happened at a moment, and who knows of it.
fn what_is_known(side: Side, act: Act) -> &'static str {
    match (side, act) {
        (Side::Before, Act::Call) => "the request has not left",
        (Side::After, Act::Call) => "the other service has answered, the caller has not read it",
        (Side::Before, Act::Commit) => "nothing is durable yet",
        (Side::After, Act::Commit) => "the commit is durable, its author does not know",
        (Side::Before, Act::Publish) => "the message is in the outbox only",
        (Side::After, Act::Publish) => "the broker has the message, its confirm is on the way",
        (Side::Before, Act::Ack) => "the effect has committed, the broker does not know",
        (Side::After, Act::Ack) => "the broker has forgotten the message",
        (Side::Before, Act::Mail) => "the mail server has nothing yet",
        (Side::After, Act::Mail) => "the mail server has taken the mail, its sender does not know",
    }
}

fn entry(name: &str, says: &str) -> Entry {
    Entry { name: name.to_owned(), says: says.to_owned(), when: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::Profile;
    use crate::cli::subject::Finding;
    use crate::cli::testing::outcome;

    fn tally(seeds: u64, everything: bool) -> Tally {
        let mut tally = Tally::new(1);
        for seed in 1..=seeds {
            let mut outcome = outcome(seed);
            if everything {
                let once = |registry: Registry| {
                    registry.entries().into_iter().map(|entry| (entry.name, 1)).collect()
                };
                outcome.faults_fired = once(Registry::Faults);
                outcome.sometimes = once(Registry::Sometimes);
            }
            tally.add(seed, Finding::Ended(Box::new(outcome)));
        }
        tally
    }

    #[test]
    fn gaps_are_judged_over_enough_seeds() {
        let storm = Subject::find(STORM, Profile::Swarm).expect("built in");
        assert_eq!(gaps(&storm, &tally(SEEDS - 1, false)), []);
        assert_eq!(gaps(&storm, &tally(SEEDS, true)), []);
        let gaps = gaps(&storm, &tally(SEEDS, false));
        // The outcomes of these tests fire one kind of fault only.
        assert!(gaps.iter().any(|gap| gap.name == "reply lost" && gap.gap == NEVER_FIRED));
        assert!(gaps.iter().all(|gap| gap.name != "cut"));
        assert!(gaps.iter().any(|gap| gap.gap == "never seen"));
    }

    #[test]
    fn what_is_counted_is_shown_even_if_nobody_registered_it() {
        let counts = [("cut".to_owned(), 3), ("meteor".to_owned(), 1)].into();
        let rows = counted(Registry::Faults, &counts);
        assert!(rows.contains(&("cut".to_owned(), 3)));
        assert!(rows.contains(&("crash".to_owned(), 0)));
        assert_eq!(rows.last(), Some(&("meteor".to_owned(), 1)));
    }

    #[test]
    fn names_are_unique_in_every_registry() {
        for registry in Registry::ALL {
            let mut names: Vec<String> =
                registry.entries().into_iter().map(|entry| entry.name).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{}", registry.word());
        }
    }
}
