//! The faults of storms, drawn from a seed: what nobody wrote.
//!
//! The swarm first switches whole kinds of fault off, then draws how many of the rest, where and
//! when: all as data, with absolute times or named moments. Every kind draws from a stream of its
//! own, so that taking one fault away moves no other. What is drawn are tables as a file would hold
//! them: they can be printed, shrunk and run again.
//!
//! Where faults can strike is read from a topology; what only the system knows, it draws itself.

mod draw;
mod priority;

use rand::Rng as _;

use crate::Profile;
use draw::Draw;
use stormproof_faults::table::rows;
use stormproof_faults::topology::Topology;
use stormproof_faults::units::Length;
use stormproof_faults::{FaultRow, FaultTable, NoOwnKinds, OwnKinds};
use stormproof_world::seed::{Seed, Stream};

/// What the faults of a storm are drawn from.
pub struct Storm<'a, K> {
    /// What there is to fail, at the storm's size.
    pub topology: &'a Topology,
    /// The storm's length in milliseconds: no fault hits an operation that comes later.
    pub length_ms: u64,
    /// Faults begin within so many milliseconds.
    pub begin_within_ms: u64,
    /// The system's own kinds.
    pub own: &'a dyn DrawOwn<K>,
}

/// Draws what only the system knows of its own kinds of fault.
pub trait DrawOwn<K> {
    /// What a fault of this kind, whose target is a form of the system's own, is aimed at; `None`:
    /// there is nothing.
    fn target(&self, stream: &mut Stream, row: &FaultRow) -> Option<String>;

    /// Tells a drawn fault, of whatever kind, what else the system knows of it; `half` is true for
    /// every other fault.
    fn details(&self, stream: &mut Stream, row: &FaultRow, half: bool, fault: &mut FaultTable<K>);
}

/// There are no own kinds.
impl DrawOwn<NoOwnKinds> for () {
    fn target(&self, _: &mut Stream, _: &FaultRow) -> Option<String> {
        None
    }

    fn details(&self, _: &mut Stream, _: &FaultRow, _: bool, _: &mut FaultTable<NoOwnKinds>) {}
}

impl<K: OwnKinds> Storm<'_, K> {
    /// The faults of the storm of `seed`.
    pub fn faults(&self, seed: Seed, profile: Profile) -> Vec<FaultTable<K>> {
        let mut faults = Vec::new();
        let mut switches = seed.stream("swarm switches");
        for row in rows::<K>() {
            // Drawn for every kind and profile alike, so that one switch moves no other.
            let on = switches.random_bool(0.35);
            let mut stream = seed.stream(&format!("swarm fault {}", row.key));
            let count = match profile {
                Profile::Swarm if on => stream.random_range(1..=3),
                Profile::Swarm => 0,
                Profile::Uniform => usize::from(stream.random_bool(0.4)),
                Profile::Priority => 0,
            };
            let mut draw = Draw { stream: &mut stream, storm: self, profile };
            faults.extend((0..count).filter_map(|_| draw.fault(row)));
        }
        if profile == Profile::Priority {
            faults.extend(priority::draw(&mut seed.stream("swarm priority"), self));
        }
        faults
    }
}

fn ms(milliseconds: u64) -> Length {
    Length::milliseconds(milliseconds)
}
