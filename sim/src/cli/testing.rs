//! Outcomes for tests that need no world.

use std::collections::BTreeMap;

use stormproof_sim::outcome::{Broken, Outcome};

/// A run that held.
pub fn outcome(seed: u64) -> Outcome {
    Outcome {
        scenario: "storm".to_owned(),
        seed,
        orders: 3,
        orders_by_status: BTreeMap::from([("DELIVERED".to_owned(), 2), ("FAILED".to_owned(), 1)]),
        virtual_seconds: 41.25,
        events: 120,
        faults_fired: BTreeMap::from([("cut".to_owned(), seed % 3)]),
        moments: BTreeMap::from([("store: after commit of order PAID".to_owned(), 2)]),
        fingerprint: format!("{seed:016x}"),
        ..Outcome::default()
    }
}

/// A run that broke an invariant.
pub fn broken(seed: u64, invariant: &str) -> Outcome {
    let broken = Broken {
        invariant: invariant.to_owned(),
        what: format!("order-1 debited <twice> under {seed}"),
        at: 8.015,
    };
    Outcome { broken: vec![broken], ..outcome(seed) }
}
