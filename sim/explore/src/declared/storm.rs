//! The storm of a seed: the world's size, the clients' work, the faults.

use std::collections::BTreeMap;

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::Declared;
use super::scenario::{Document, WorldTable, of_size};
use crate::Profile;
use crate::swarm::Storm;
use stormproof_faults::topology::{Replicas, Topology};
use stormproof_faults::units::{At, Length, Offset};
use stormproof_world::seed::{Seed, Stream};

/// The storm's length; faults of operations last until then.
const LENGTH_MS: u64 = 40_000;
/// Faults begin within this time.
const BEGIN_WITHIN_MS: u64 = 30_000;
/// What began late may last on before the calm begins.
const LASTING_MS: u64 = 20_000;
const REPLICAS_MAX: u32 = 3;

/// The storm of `seed`, as a file would hold it.
pub(super) fn draw<D: Declared>(system: &D, seed: u64, profile: Profile) -> Document<D::Workload> {
    let streams = Seed(seed);
    let world = world(&mut streams.stream("swarm world"), system.topology());
    let workload = system.draw(&mut streams.stream("swarm workload"));
    let replicas = world.replicas.iter();
    let replicas: Replicas = replicas.map(|(name, count)| (name.clone(), count.value)).collect();
    let storm = Storm {
        topology: &of_size(system, &replicas, &workload),
        length_ms: LENGTH_MS,
        begin_within_ms: BEGIN_WITHIN_MS,
        own: &(),
    };
    let faults = storm.faults(streams, profile).into_iter().map(At::from).collect();
    Document {
        about: format!("The storm of seed {seed}: drawn, not written."),
        seed,
        world,
        workload: At::from(workload),
        faults,
    }
}

fn world(stream: &mut Stream, topology: &Topology) -> WorldTable {
    let mut replicas = BTreeMap::new();
    for service in &topology.services {
        let count = stream.random_range(2..=REPLICAS_MAX);
        if stream.random_bool(0.4) {
            replicas.insert(service.name.clone(), At::from(count));
        }
    }
    let mut clocks = BTreeMap::new();
    let offset = Offset {
        behind: stream.random(),
        length: Length::milliseconds(stream.random_range(50..4_000)),
    };
    let service = topology.services.choose(stream);
    if let Some(service) = service.filter(|_| stream.random_bool(0.15)) {
        clocks.insert(service.name.clone(), At::from(offset));
    }
    let storm = Some(Length::milliseconds(LENGTH_MS + LASTING_MS));
    WorldTable { replicas, clocks, storm }
}
