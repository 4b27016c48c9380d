//! What a set of seeds should have covered and has not.

use serde::Serialize;

use super::arguments::SEEDS;
use super::subject::Subject;
use super::tally::Tally;
use crate::registries::{Entry, Registries};
use stormproof_faults::moment::Side;

/// Something that should have happened under so many seeds, and has not; or that happened, and no
/// fault can be aimed at it, because the system does not tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// `fault never fired`, `never seen` or `not in the topology`.
    pub gap: &'static str,
    pub name: String,
}

const NEVER_FIRED: &str = "fault never fired";
const UNTOLD: &str = "not in the topology";

/// What the tally's seeds should have covered. A few seeds are not asked for everything; but what
/// happens under them is to be told.
pub fn gaps(subject: &Subject, registries: &Registries, tally: &Tally) -> Vec<Gap> {
    if !subject.is_storm() {
        let never = tally.unfired.iter().filter(|(_, runs)| **runs == tally.seeds - tally.died);
        return never.map(|(fault, _)| Gap { gap: NEVER_FIRED, name: fault.clone() }).collect();
    }
    let is_told = |name: &str| registries.moments.iter().any(|entry| entry.name == name);
    let passed = tally.moments.keys().filter(|it| it.moment.side == Side::Before);
    let untold = passed.map(ToString::to_string).filter(|name| !is_told(name));
    let mut gaps: Vec<Gap> = untold.map(|name| Gap { gap: UNTOLD, name }).collect();
    if tally.seeds < SEEDS {
        return gaps;
    }
    let never = |registry: &[Entry], gap, seen: &dyn Fn(&str) -> u64| {
        let unseen = registry.iter().filter(|entry| seen(&entry.name) == 0);
        unseen.map(|entry| Gap { gap, name: entry.name.clone() }).collect::<Vec<_>>()
    };
    let fired = |name: &str| tally.faults_fired.get(name).copied().unwrap_or(0);
    let seen = |name: &str| tally.sometimes.get(name).copied().unwrap_or(0);
    gaps.extend(never(&registries.faults, NEVER_FIRED, &fired));
    gaps.extend(never(&registries.sometimes, "never seen", &seen));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;
    use crate::cli::subject::Finding;
    use crate::cli::tally::Passes;
    use crate::cli::testing::{ABOUT, outcome, registries};
    use stormproof_faults::service_moment::ServiceMoment;

    fn tally(seeds: u64, everything: bool) -> Tally {
        let mut tally = Tally::new(1);
        for seed in 1..=seeds {
            let mut outcome = outcome(seed);
            if everything {
                let once = |registry: &[Entry]| {
                    registry.iter().map(|entry| (entry.name.clone(), 1)).collect()
                };
                outcome.faults_fired = once(&registries().faults);
                outcome.sometimes = once(&registries().sometimes);
            }
            tally.add(seed, Finding::Ended(Box::new(outcome)));
        }
        tally
    }

    #[test]
    fn gaps_are_judged_over_enough_seeds() {
        let storm = Subject::storm(ABOUT, Profile::Swarm);
        let gaps = |tally: Tally| super::gaps(&storm, &registries(), &tally);
        assert_eq!(gaps(tally(SEEDS - 1, false)), []);
        assert_eq!(gaps(tally(SEEDS, true)), []);
        let mut untold = tally(1, false);
        for moment in ["user-1: before call look", "user-2: before call look"] {
            let moment: ServiceMoment = moment.parse().expect("well formed");
            untold.moments.insert(moment.of_all(), Passes { passes: 1, seeds: 1 });
        }
        let name = "user: before call look".to_owned();
        assert_eq!(gaps(untold), [Gap { gap: UNTOLD, name }]);
        let gaps = gaps(tally(SEEDS, false));
        // The outcomes of these tests fire one kind of fault only.
        assert!(gaps.iter().any(|gap| gap.name == "reply lost" && gap.gap == NEVER_FIRED));
        assert!(gaps.iter().all(|gap| gap.name != "cut"));
        assert!(gaps.iter().any(|gap| gap.gap == "never seen"));
    }
}
