//! What registries hold: names, each with what it says.

use std::collections::BTreeMap;

use serde::Serialize;

/// One entry of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What outcomes and command lines call it.
    pub name: String,
    /// What it means, in a sentence or less.
    pub says: String,
    /// When it is judged, for invariants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// What runs of a system can show.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    /// Kinds of fault.
    pub faults: Vec<Entry>,
    /// What must hold.
    pub invariants: Vec<Entry>,
    /// Where in a node's work faults can be aimed.
    pub moments: Vec<Entry>,
    /// What must happen sometimes over many seeds.
    pub sometimes: Vec<Entry>,
}

impl Entry {
    /// An entry that is not judged.
    pub fn new(name: impl Into<String>, says: impl Into<String>) -> Entry {
        Entry { name: name.into(), says: says.into(), when: None }
    }
}

/// The names of a registry with their counts, then what was counted without being in it.
pub fn counted(registry: &[Entry], counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let row = |entry: &Entry| {
        let count = counts.get(&entry.name).copied().unwrap_or(0);
        (entry.name.clone(), count)
    };
    let mut rows: Vec<(String, u64)> = registry.iter().map(row).collect();
    for (name, count) in counts {
        if !rows.iter().any(|(known, _)| known == name) {
            rows.push((name.clone(), *count));
        }
    }
    rows
}
