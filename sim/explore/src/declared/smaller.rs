//! How a scenario of a declared system gets smaller besides its faults: a smaller workload, a plainer
//! world. Faults follow whom they are aimed at.

use super::scenario::{Document, of_size};
use super::{Declared, Workload};
use crate::passes::{fewer_faults, fired, simpler_faults, smaller_seed};
use crate::shrink::Pass;
use stormproof_faults::outcome::Outcome;
use stormproof_faults::topology::{Replicas, Topology, numbered, service_of};
use stormproof_faults::units::At;
use stormproof_faults::{FaultRow, TargetForm};

pub(super) fn passes<D: Declared>(system: &D) -> Vec<Pass<'_, Document<D::Workload>, Outcome>> {
    vec![
        fired(),
        fewer_faults(),
        Pass::simpler(|document, _| workloads(system, document)),
        fired(),
        Pass::simpler(|document, _| worlds(system, document)),
        simpler_faults(),
        smaller_seed(),
    ]
}

fn workloads<D: Declared>(
    system: &D,
    document: &Document<D::Workload>,
) -> Vec<Document<D::Workload>> {
    let smaller = system.smaller(&document.workload.value).into_iter();
    let smaller = smaller.filter(|workload| *workload != document.workload.value);
    smaller.map(|it| fit(system, Document { workload: At::from(it), ..document.clone() })).collect()
}

/// Without a clock that is off, without replicas, without a length of the storm.
pub(super) fn worlds<D: Declared>(
    system: &D,
    document: &Document<D::Workload>,
) -> Vec<Document<D::Workload>> {
    let world = &document.world;
    let mut forms = Vec::new();
    let mut form = |change: &dyn Fn(&mut Document<D::Workload>)| {
        let mut form = document.clone();
        change(&mut form);
        forms.push(fit(system, form));
    };
    for node in world.clocks.keys() {
        form(&|document| {
            document.world.clocks.remove(node);
        });
    }
    for service in world.replicas.keys() {
        form(&|document| {
            document.world.replicas.remove(service);
        });
    }
    if world.storm.is_some() {
        form(&|document| document.world.storm = None);
    }
    forms
}

/// Faults and clocks of nodes that are no more are those of the first of their kind.
fn fit<D: Declared>(system: &D, mut document: Document<D::Workload>) -> Document<D::Workload> {
    let replicas = document.world.replicas.iter();
    let replicas: Replicas = replicas.map(|(name, count)| (name.clone(), count.value)).collect();
    let topology = of_size(system, &replicas, &document.workload.value);
    retarget(&mut document, &topology);
    document
}

fn retarget<W: Workload>(document: &mut Document<W>, topology: &Topology) {
    let ends = topology.ends();
    let first = |name: &str| match ends.iter().any(|end| end == name) || service_of(name) == name {
        true => name.to_owned(),
        false => numbered(service_of(name), 1),
    };
    for fault in &mut document.faults {
        let is_of_nodes =
            |row: &FaultRow| !matches!(row.target, TargetForm::Queue | TargetForm::Database);
        for (_, target) in fault.value.kinds.iter_mut().filter(|(row, _)| is_of_nodes(row)) {
            let words: Vec<_> = target.value.split(' ').map(first).collect();
            target.value = words.join(" ");
        }
    }
    document.world.clocks.retain(|node, _| ends.contains(node));
}
