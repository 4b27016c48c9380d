//! Names of nodes that a spec uses: those that nobody bears are refused before the world begins, for
//! a fault that is aimed at nobody would be silent.

use stormproof_faults::mistake::one_of;

use crate::faults::{Fault, Target};
use crate::node::{Nodes, Role};
use crate::spec::Spec;

/// Refuses a spec whose nodes cannot be told apart, or that names one that it has not.
///
/// # Panics
/// With the names that there are.
pub(super) fn check(nodes: &Nodes, spec: &Spec) {
    let mut names: Vec<_> = nodes.all().map(|node| nodes.name(node)).collect();
    names.sort();
    if let Some(twins) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        panic!("two nodes are named {:?}", twins[0]);
    }
    spec.faults.iter().for_each(|fault| check_fault(nodes, fault));
    for (name, _) in &spec.clock_offsets {
        assert!(is_known(nodes, name), "a clock is off: {}", nodes.unknown(name));
    }
}

/// Refuses a fault that is aimed at a node or a database that is not there.
///
/// # Panics
/// With the names that there are.
pub(super) fn check_fault(nodes: &Nodes, fault: &Fault) {
    match &fault.target {
        Target::Node(name) => check_name(nodes, fault, name),
        Target::Link { from, to, .. } | Target::Call { from, to, .. } => {
            check_name(nodes, fault, from);
            check_name(nodes, fault, to);
        }
        Target::Database(name) => {
            let mut named = nodes.named(name);
            let is_there = named.any(|node| matches!(nodes.role(node), Role::Database(_)));
            assert!(is_there, "fault `{fault}`: {}", unknown_database(nodes, name));
        }
        // Queues may come and go.
        Target::Queue(_) => {}
    }
}

/// Why this name of a database is refused.
pub(super) fn unknown_database(nodes: &Nodes, name: &str) -> String {
    let databases = nodes.all().filter(|node| matches!(nodes.role(*node), Role::Database(_)));
    let known = one_of(databases.map(|node| nodes.name(node)));
    format!("no database is named {name:?}; expected {known}")
}

fn check_name(nodes: &Nodes, fault: &Fault, name: &str) {
    assert!(is_known(nodes, name), "fault `{fault}`: {}", nodes.unknown(name));
}

fn is_known(nodes: &Nodes, name: &str) -> bool {
    nodes.named(name).any(|node| nodes.role(node) != Role::Network)
}
