//! A scenario in the seeded world: same scenario, same seed, same outcome, byte for byte.

use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_system::ports::Ports;
use stormproof_system::time::Time;

use super::judge::Judge;
use super::scenario::Scenario;
use super::scene::Scene;
use super::{map, phases, setting};
use crate::outcome::Outcome;
use crate::storm::faults::Kind;
use crate::world::{self, Commit, World};

/// What a run is to keep besides its figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub story: bool,
    /// Every event as a JSON line.
    pub trace: bool,
}

/// Runs `scenario` under `seed`: same pair, same outcome, byte for byte.
pub fn simulate(scenario: &Scenario, seed: u64, options: Options) -> Outcome {
    run(scenario, seed, options, |_| ())
}

/// The same with somebody in the world who does what no service would: `meddler` is carried out
/// beside the run from its beginning. For tests that ask whether an invariant notices.
pub fn simulate_with<F>(
    scenario: &Scenario,
    seed: u64,
    options: Options,
    meddler: impl FnOnce(World) -> F + Send,
) -> Outcome
where
    F: Future<Output = ()> + Send + 'static,
{
    run(scenario, seed, options, |world| {
        world.spawn(map::STAFF, meddler(world.clone()));
    })
}

fn run(
    scenario: &Scenario,
    seed: u64,
    options: Options,
    begin: impl FnOnce(&World) + Send,
) -> Outcome {
    let judge = Judge::default();
    let mut spec = setting::spec(scenario, seed, options);
    let observer = judge.clone();
    spec.observers.push(Box::new(move |world, commit| observe(&observer, world, commit)));
    world::run(spec, |world| async move {
        begin(&world);
        phases::live(&world, scenario, &judge, options).await
    })
}

/// The judge follows a commit.
fn observe(judge: &Judge, world: &World, commit: &Commit<'_>) {
    let bench = &mut *judge.bench();
    if bench.opened {
        let step = bench.truth.follow(world, commit);
        bench.follow(world, &step);
    }
}

impl Scene for World {
    fn ports(&self, name: &str) -> Ports {
        World::ports(self, name)
    }

    fn say(&self, name: &str, order: &str, words: &str) {
        World::say(self, name, order, words);
    }

    fn elapsed(&self) -> Duration {
        World::elapsed(self)
    }

    fn now(&self) -> Time {
        World::now(self)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(World::sleep(self, duration))
    }

    fn strike(&self, kind: &Kind) {
        World::strike(self, kind);
    }

    fn ready<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, usize> {
        let count =
            self.broker(|broker| broker.queue(queue).map_or(0, |queue| queue.ready_count()));
        Box::pin(std::future::ready(count))
    }

    /// The mirror follows each commit at once.
    fn refreshed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn alias(&self, order: &str) -> String {
        self.history().alias(order).to_string()
    }
}
