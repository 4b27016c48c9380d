//! A scenario's size: how many nodes its services have, and whose clocks are off.

use std::collections::BTreeMap;

use crate::mistake::{Mistake, Source, one_of};
use crate::topology::{Replicas, Topology};
use crate::units::{At, Offset};

const REPLICAS_MAX: u32 = 5;

/// How many nodes each of the named services has.
///
/// # Errors
/// If one is no service of the topology's, or has too few or too many nodes.
pub fn replicas(
    source: Source<'_>,
    topology: &Topology,
    table: &BTreeMap<String, At<u32>>,
) -> Result<Replicas, Mistake> {
    let mut replicas = Replicas::new();
    for (service, count) in table {
        if topology.service(service).is_none() {
            let names = one_of(topology.services.iter().map(|service| &service.name));
            let what = format!("service {service:?}: expected {names}");
            return Err(source.mistake(&count.place, what));
        }
        if !(1..=REPLICAS_MAX).contains(&count.value) {
            let what = format!("{} replicas: expected 1 to {REPLICAS_MAX}", count.value);
            return Err(source.mistake(&count.place, what));
        }
        replicas.insert(service.clone(), count.value);
    }
    Ok(replicas)
}

/// By how many microseconds the clocks of the named nodes are off; less than none is behind.
///
/// # Errors
/// If one is no node of the topology's, at its size.
pub fn clocks(
    source: Source<'_>,
    topology: &Topology,
    table: &BTreeMap<String, At<Offset>>,
) -> Result<BTreeMap<String, i64>, Mistake> {
    let known = topology.nodes();
    let mut clocks = BTreeMap::new();
    for (node, offset) in table {
        if !known.contains(node) {
            let what = format!("node {node:?}: expected {}", one_of(&known));
            return Err(source.mistake(&offset.place, what));
        }
        let micros = i64::try_from(offset.value.length.0.as_micros()).unwrap_or(i64::MAX);
        clocks.insert(node.clone(), if offset.value.behind { -micros } else { micros });
    }
    Ok(clocks)
}
