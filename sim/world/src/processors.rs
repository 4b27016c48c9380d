//! A machine that all nodes share, in virtual time: work queues for the processors, first come first
//! served, and what has to be on the disk waits for its next sync.
//!
//! The times are exact to the nanosecond: an operation is worked at from when the first processor is free,
//! for as long as the machine's file says, and whoever asked sleeps until then.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rand::Rng as _;
use stormproof_ports::machine::{Machine, WorkKind};

use crate::node::NodeIndex;
use crate::seed::{Seed, Stream};
use crate::sleep::{Sleep, sleep_exactly};
use crate::{World, lock};

/// The processors, the disk, and what they have done.
pub(crate) struct Processors {
    machine: Machine,
    state: Mutex<ProcessorState>,
}

struct ProcessorState {
    /// When each processor has done what it was given.
    free_at: Vec<Duration>,
    /// The last sync of the databases' log that was begun or is due.
    sync: LogSync,
    /// What each node has had of the processors.
    spent: BTreeMap<NodeIndex, Duration>,
    /// How long an operation waits is chance, as it was when it was measured.
    stream: Stream,
}

#[derive(Clone, Copy, Default)]
struct LogSync {
    begins: Duration,
    ends: Duration,
}

impl Processors {
    /// # Panics
    /// If the machine has no processor, or a demand that is no time.
    pub(crate) fn new(seed: Seed, machine: Machine) -> Processors {
        assert!(machine.processors > 0, "a machine has a processor at least");
        let sound = machine.demands.values().all(|demand| demand.is_sound());
        assert!(sound, "a demand is between nothing and a minute: {machine:?}");
        let free_at = vec![Duration::ZERO; machine.processors];
        let (sync, spent) = (LogSync::default(), BTreeMap::new());
        let stream = seed.stream("machine");
        let state = Mutex::new(ProcessorState { free_at, sync, spent, stream });
        Processors { machine, state }
    }

    /// Chance is drawn anew.
    pub(crate) fn reseed(&self, seed: Seed) {
        lock(&self.state).stream = seed.stream("machine");
    }

    /// Takes up an operation that `client` asks of `server`; when it is done.
    pub(crate) fn work(
        &self,
        now: Duration,
        kind: WorkKind,
        client: NodeIndex,
        server: NodeIndex,
    ) -> Duration {
        let demand = self.machine.demand(kind);
        let [of_client, of_server] = demand.processor();
        let state = &mut *lock(&self.state);
        *state.spent.entry(client).or_default() += of_client;
        *state.spent.entry(server).or_default() += of_server;
        let wait = demand.wait(state.stream.random());
        let first = state.free_at.iter_mut().min().expect("there is a processor");
        *first = now.max(*first) + of_client + of_server;
        let worked = *first;
        match kind {
            WorkKind::Commit => state.sync.join(worked, wait),
            // The broker has a disk of its own, and syncs when it has something to.
            WorkKind::Publish => worked,
            _ => worked + wait,
        }
    }

    /// How long the broker takes to have on its disk what it was given.
    pub(crate) fn broker_sync(&self) -> Duration {
        let share = lock(&self.state).stream.random();
        self.machine.demand(WorkKind::Publish).wait(share)
    }

    pub(crate) fn spent(&self) -> BTreeMap<NodeIndex, Duration> {
        lock(&self.state).spent.clone()
    }
}

impl LogSync {
    /// When what is written at `now` is on the disk: with the sync that begins then, or, while one is
    /// under way, with the next one, which all wait for together.
    fn join(&mut self, now: Duration, length: Duration) -> Duration {
        if now >= self.ends {
            *self = LogSync { begins: now, ends: now + length };
        } else if now >= self.begins {
            *self = LogSync { begins: self.ends, ends: self.ends + length };
        }
        self.ends
    }
}

/// Completes when an operation is done that `client` asks of `server`; `None`: the world has no machine.
pub(crate) fn work(
    world: &World,
    kind: WorkKind,
    client: NodeIndex,
    server: NodeIndex,
) -> Option<Sleep> {
    let now = world.elapsed();
    let done = world.0.processors.as_ref()?.work(now, kind, client, server);
    Some(sleep_exactly(&world.0.time, done - now))
}

#[cfg(test)]
mod tests {
    use stormproof_ports::machine::Demand;

    use super::*;

    const A: NodeIndex = NodeIndex(1);
    const B: NodeIndex = NodeIndex(2);

    fn processors(count: usize) -> Processors {
        let select = Demand::constant(100.0, 200.0, 50.0);
        let commit = Demand::constant(0.0, 0.0, 1000.0);
        let demands = [(WorkKind::Select, select), (WorkKind::Commit, commit)].into();
        Processors::new(Seed(1), Machine { processors: count, demands })
    }

    fn done(processors: &Processors, kind: WorkKind, now: [u64; 4]) -> [u128; 4] {
        now.map(|now| processors.work(Duration::from_micros(now), kind, A, B).as_micros())
    }

    #[test]
    fn work_waits_for_the_first_processor_that_is_free() {
        let one = processors(1);
        assert_eq!(done(&one, WorkKind::Select, [0, 0, 100, 2000]), [350, 650, 950, 2350]);
        let two = processors(2);
        assert_eq!(done(&two, WorkKind::Select, [0, 0, 100, 2000]), [350, 350, 650, 2350]);
        let spent =
            BTreeMap::from([(A, Duration::from_micros(400)), (B, Duration::from_micros(800))]);
        assert_eq!(two.spent(), spent);
    }

    #[test]
    fn commits_that_come_during_a_sync_share_the_next_one() {
        assert_eq!(
            done(&processors(1), WorkKind::Commit, [0, 100, 900, 1000]),
            [1000, 2000, 2000, 3000]
        );
    }

    #[test]
    fn what_a_machine_does_not_tell_takes_nothing() {
        assert_eq!(done(&processors(1), WorkKind::Mail, [5, 5, 6, 7]), [5, 5, 6, 7]);
    }
}
