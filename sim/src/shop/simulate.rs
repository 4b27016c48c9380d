//! A scenario in the seeded world: same scenario, same seed, same outcome, byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use stormproof_system::context::Context;
use stormproof_system::ports::Ports;
use stormproof_system::time::Time;

use super::judge::Judge;
use super::map::STAFF;
use super::scenario::Scenario;
use super::scene::Scene;
use super::setting::ZERO;
use super::settings::settings;
use super::truth::Truth;
use super::truth::reckoning::Reckoning;
use super::{ending, phases, setting};
use crate::outcome::Outcome;
use crate::storm::Fault;
use crate::storm::moment::Passage;
use crate::world::{self, Commit, Reseed, World};

/// What a run is to keep besides its figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    pub story: bool,
    /// Every event as a JSON line.
    pub trace: bool,
    /// Every pass of a moment, as faults can be aimed at it.
    pub passages: bool,
}

/// Runs `scenario` under `seed`: same pair, same outcome, byte for byte.
pub fn simulate(scenario: &Scenario, seed: u64, options: Options) -> Outcome {
    run(scenario, seed, options, None, |_| ())
}

/// The same until a time of the storm, from which on chance is drawn anew.
pub fn simulate_reseeded(
    scenario: &Scenario,
    seed: u64,
    options: Options,
    reseed: Reseed,
) -> Outcome {
    let reseed = Reseed { at: reseed.at + ZERO, ..reseed };
    run(scenario, seed, options, Some(reseed), |_| ())
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
    run(scenario, seed, options, None, |world| {
        world.spawn(STAFF, meddler(world.clone()));
    })
}

fn run(
    scenario: &Scenario,
    seed: u64,
    options: Options,
    reseed: Option<Reseed>,
    begin: impl FnOnce(&World) + Send,
) -> Outcome {
    let judge = Judge::default();
    let mut spec = setting::spec(scenario, seed, options);
    spec.reseed = reseed;
    let observer = judge.clone();
    spec.observers.push(Box::new(move |world, commit| observe(&observer, world, commit)));
    world::run(spec, |world| async move {
        begin(&world);
        judge.bench().truth = Truth::load(&world);
        let context = Context::new(world.ports(STAFF), Arc::new(settings(scenario)));
        let scene: Arc<dyn Scene> = Arc::new(world.clone());
        let reckoning = phases::live(&scene, scenario, &judge, context).await;
        phases::reckon_all(&world, scenario, &judge, &reckoning);
        let outcome = phases::outcome(&world, scenario, &judge, &reckoning);
        with_history(outcome, &world, &judge, &reckoning, options)
    })
}

/// What only a seeded world can tell of a run.
fn with_history(
    outcome: Outcome,
    world: &World,
    judge: &Judge,
    reckoning: &Reckoning,
    options: Options,
) -> Outcome {
    let mut story = Vec::new();
    if options.story {
        story = world.history().story().iter().filter_map(|line| told_from_zero(line)).collect();
        story.push(reckoning.last_line(&judge.bench().truth));
    }
    Outcome {
        seed: world.seed().0,
        virtual_seconds: world.elapsed().as_secs_f64(),
        events: world.history().events(),
        moments: world.moments(),
        struck: world.struck(),
        passages: world.passages().into_iter().filter_map(from_zero).collect(),
        fingerprint: world.fingerprint(),
        story,
        trace: if options.trace { world.history().trace() } else { Vec::new() },
        ..outcome
    }
}

/// A line of the story told in the storm's own time; what came before is nobody's affair.
fn told_from_zero(line: &str) -> Option<String> {
    let (time, rest) = line.trim_start().split_once(' ')?;
    let at = time.parse::<f64>().ok()? - ZERO.as_secs_f64();
    (at >= 0.0).then(|| format!("{at:>8.3} {rest}"))
}

/// A passage in the storm's own time; the set-up's are nobody's affair.
fn from_zero(passage: Passage) -> Option<Passage> {
    passage.at.checked_sub(ZERO).map(|at| Passage { at, ..passage })
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

    fn strike(&self, fault: &Fault) {
        World::strike(self, fault);
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

    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let task = World::spawn(self, name, work);
        Box::pin(async move { task.await.expect("clients do not die") })
    }

    fn storm(&self) -> BoxFuture<'_, Duration> {
        Box::pin(async {
            World::sleep(self, ZERO.saturating_sub(World::elapsed(self))).await;
            ZERO
        })
    }

    /// At rest at two looks in a row: a node that has just woken has had time to go on with what it
    /// was at.
    fn rest<'a>(&'a self, judge: &'a Judge, bound: Duration) -> BoxFuture<'a, Option<Duration>> {
        let mut looks = 0;
        let twice = move || {
            let rests = ending::restless(self, &judge.bench()).is_empty();
            looks = if rests { looks + 1 } else { 0 };
            looks == 2
        };
        Box::pin(self.until(bound, twice))
    }

    fn heal(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.heal_all())
    }

    fn fired(&self) -> BTreeMap<&'static str, u64> {
        World::fired(self)
    }

    fn unfired(&self) -> Vec<usize> {
        World::unfired(self)
    }

    fn gather<'a>(&'a self, judge: &'a Judge, rested_at: Option<f64>) -> BoxFuture<'a, Reckoning> {
        let reckoning = ending::gather(self, &judge.bench(), rested_at);
        Box::pin(std::future::ready(reckoning))
    }
}
