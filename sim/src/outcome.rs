//! What a run came to: the numbers, the counters, the story, and what broke.

use std::collections::BTreeMap;

use crate::storm::moment::Passage;

/// The result of one scenario under one seed.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Outcome {
    pub scenario: String,
    pub seed: u64,
    /// Invariants that did not hold; empty: the run held.
    pub broken: Vec<Broken>,
    /// Faults of the scenario that never fired, in words.
    pub unfired: Vec<String>,
    /// Their places among the faults of the scenario's document.
    pub unfired_places: Vec<usize>,
    pub orders: u64,
    pub orders_by_status: BTreeMap<String, u64>,
    /// How long the world lived, by its own time.
    pub virtual_seconds: f64,
    pub events: u64,
    pub faults_fired: BTreeMap<String, u64>,
    pub sometimes: BTreeMap<String, u64>,
    /// Every (node's service, moment) passed and how often: the map that exploration covers.
    pub moments: BTreeMap<String, u64>,
    /// Every moment with each kind of fault that struck when it was the last one passed, such as
    /// `store: after commit of order PAID: crash`, and how often.
    #[serde(default)]
    pub struck: BTreeMap<String, u64>,
    /// Every moment passed, in order, from the storm's beginning to its end; empty unless asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passages: Vec<Passage>,
    /// The last hash of the event chain, in hexadecimal.
    pub fingerprint: String,
    /// The story's lines; empty unless asked for.
    pub story: Vec<String>,
    /// Every event as a JSON line; empty unless asked for.
    pub trace: Vec<String>,
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Broken {
    pub invariant: String,
    /// What was seen, in a sentence.
    pub what: String,
    /// Virtual seconds.
    pub at: f64,
}
