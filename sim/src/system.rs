//! The shop as the explorer sees it.

use crate::fair_weather::fair_weather;
use crate::{load, shrink, simulate, swarm};
use stormproof_explore::bugs::{MutatedCrate, Patches};
use stormproof_explore::registries::Entry;
use stormproof_explore::shrink::Pass;
use stormproof_explore::{About, FairWeather, Options, OwnCommand, Profile, System};
use stormproof_faults::mistake::Mistake;
use stormproof_faults::outcome::Outcome;
use stormproof_faults::topology::Topology;
use stormproof_shop::scenario::files::FILES;
use stormproof_shop::scenario::{Document, Scenario, fault_names};
use stormproof_shop::{invariants, sometimes, topology};

/// Five services that sell teapots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shop;

const COMMAND: &str = "cargo sim";

/// Mistakes that were made in the shop, and how it is built with one of them.
const PATCHES: Patches = Patches {
    files: FILES,
    folder: "sim/bugs",
    copied: &["Cargo.toml", "Cargo.lock", "src", "system", "sim", "tests"],
    mutated: &[
        MutatedCrate { root: "system/messaging/src/lib.rs", spared: &["contract"] },
        MutatedCrate { root: "system/ports/src/lib.rs", spared: &["contract", "hand_clock"] },
        MutatedCrate { root: "system/src/lib.rs", spared: &[] },
    ],
    package: "stormproof-sim",
    binary: "sim",
    profile: "bugs",
    circumstances: &["skewed clock", "another day", "short memory", "long cart", "dear goods"],
    command: COMMAND,
};

impl System for Shop {
    type Scenario = Scenario;

    fn about(&self) -> About {
        About {
            command: COMMAND,
            purpose: "Runs the shop in seeded worlds.",
            unit: "order",
            files: FILES,
            snapshots_of: "tests/scenarios.rs",
        }
    }

    fn topology(&self) -> &Topology {
        topology::of_shop()
    }

    fn faults(&self) -> Vec<Entry> {
        fault_names().map(|(name, says)| Entry::new(name, says)).collect()
    }

    fn invariants(&self) -> Vec<Entry> {
        let entry = |invariant: &invariants::Invariant| {
            let when = Some(invariant.when.as_str().to_owned());
            Entry { when, ..Entry::new(invariant.name, invariant.says) }
        };
        invariants::INVARIANTS.iter().map(entry).collect()
    }

    /// Rare events, then every transition of every machine.
    fn sometimes(&self) -> Vec<Entry> {
        let rare = sometimes::REGISTRY.iter().map(|row| Entry::new(row.name, row.says));
        let transitions = invariants::arrows().into_iter().map(|(machine, from, to)| {
            Entry::new(format!("{machine} {from} -> {to}"), "a transition is taken")
        });
        rare.chain(transitions).collect()
    }

    fn parse(&self, file: &str, text: &str) -> Result<Scenario, Mistake> {
        Scenario::parse(file, text)
    }

    fn check(&self, name: &str, document: Document) -> Result<Scenario, Mistake> {
        Scenario::from_document(name, document)
    }

    fn draw(&self, seed: u64, profile: Profile) -> Document {
        swarm::document(seed, profile)
    }

    fn simulate(&self, scenario: &Scenario, seed: u64, options: Options) -> Outcome {
        simulate(scenario, seed, options)
    }

    fn passes(&self) -> Vec<Pass<'_, Document, Outcome>> {
        shrink::passes()
    }

    fn patches(&self) -> Option<Patches> {
        Some(PATCHES)
    }

    fn mutants(&self) -> Option<&'static str> {
        Some("sim/mutants")
    }

    fn commands(&self) -> &[OwnCommand] {
        &[load::COMMAND]
    }

    fn fair_weather(&self, orders: u64) -> Option<FairWeather<Scenario>> {
        Some(fair_weather(orders))
    }

    fn instructions(&self) -> Option<&'static str> {
        Some("sim/figures/instructions.toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stormproof_explore::registries::Registry;

    #[test]
    fn names_are_unique_in_every_registry() {
        for registry in Registry::ALL {
            let entries = registry.entries(&Shop).into_iter();
            let mut names: Vec<String> = entries.map(|entry| entry.name).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{}", registry.word());
        }
    }

    #[test]
    fn what_is_no_scenario_is_refused_in_words() {
        let mistake = FILES.load("no_such_scenario", Scenario::parse).expect_err("refused");
        assert!(mistake.to_string().contains("no_such_scenario"), "{mistake}");
    }
}
