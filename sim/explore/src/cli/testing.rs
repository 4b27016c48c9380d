//! Outcomes for tests that need no world.

use std::collections::BTreeMap;

use crate::About;
use crate::registries::{Entry, Registries};
use stormproof_faults::files::Files;
use stormproof_faults::outcome::{Broken, Figure, Figures, Outcome};

/// A system as `cargo sim` has it.
pub const ABOUT: About = About {
    command: "cargo sim",
    purpose: "Runs worlds.",
    unit: "order",
    files: Files { built_in: concat!(env!("CARGO_MANIFEST_DIR"), "/..") },
    snapshots_of: "tests/scenarios.rs",
};

/// What there is of it.
pub fn registries() -> Registries {
    let entries = |names: &[&str]| names.iter().map(|name| Entry::new(*name, "it is")).collect();
    Registries {
        faults: entries(&["cut", "reply lost"]),
        invariants: entries(&["one charge, one payback", "private"]),
        moments: entries(&["store: after commit of order PAID"]),
        sometimes: entries(&["void lost"]),
    }
}

/// A run that held.
pub fn outcome(seed: u64) -> Outcome {
    let statuses = [("DELIVERED".to_owned(), 2), ("FAILED".to_owned(), 1)];
    let paid = "store: after commit of order PAID".parse().expect("well formed");
    Outcome {
        scenario: "storm".to_owned(),
        seed,
        figures: Figures::from([
            ("orders", Figure::Number(3)),
            ("orders_by_status", Figure::Each(statuses.into())),
        ]),
        virtual_seconds: 41.25,
        events: 120,
        faults_fired: BTreeMap::from([("cut".to_owned(), seed % 3)]),
        moments: BTreeMap::from([(paid, 2)]),
        fingerprint: format!("{seed:016x}"),
        ..Outcome::default()
    }
}

/// A run that broke an invariant.
pub fn broken(seed: u64, invariant: &str) -> Outcome {
    let broken = Broken {
        invariant: invariant.to_owned(),
        what: format!("visit-1 charged <twice> under {seed}"),
        subject: Some("visit-1".to_owned()),
        at: 8.015,
    };
    Outcome { broken: vec![broken], ..outcome(seed) }
}
