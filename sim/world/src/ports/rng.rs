//! Randomness: each life of a node has streams of its own, drawn from the world's seed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rand::RngCore as _;
use stormproof_ports::Rng;

use crate::node::Life;
use crate::seed::{Seed, Stream};
use crate::{World, lock};

/// The streams of one life of a node.
pub(super) struct SimRng {
    seed: Seed,
    prefix: String,
    streams: Mutex<BTreeMap<&'static str, Stream>>,
}

impl SimRng {
    pub(super) fn new(world: &World, life: Life) -> SimRng {
        let prefix = format!("{} {} ", world.0.nodes.name(life.node), life.boot);
        SimRng { seed: world.0.seed, prefix, streams: Mutex::default() }
    }
}

impl Rng for SimRng {
    fn fill(&self, stream: &'static str, bytes: &mut [u8]) {
        let mut streams = lock(&self.streams);
        let begin = || self.seed.stream(&format!("{}{stream}", self.prefix));
        streams.entry(stream).or_insert_with(begin).fill_bytes(bytes);
    }
}
