//! A scenario in the seeded world: same scenario, same seed, same outcome, byte for byte.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_system::context::Context;
use stormproof_system::ports::Ports;

use super::environment::{Controlled, Environment, FaultReport, Gathered, Observed, Outside};
use super::judge::Judge;
use super::phases::{self, Played};
use super::scenario::Scenario;
use super::service_settings::settings;
use super::topology::STAFF;
use super::truth::Truth;
use super::{final_state, quiescence, world_spec};
use crate::explore::{Options, ZERO};
use crate::outcome::{Outcome, Story};
use crate::storm::Fault;
use crate::storm::moment::Passage;
use crate::world::{self, Commit, Reseed, World};

/// Runs `scenario` under `seed`: same pair, same options, same outcome, byte for byte.
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
        world.spawn(STAFF, meddler(world.clone()));
    })
}

fn run(
    scenario: &Scenario,
    seed: u64,
    options: Options,
    begin: impl FnOnce(&World) + Send,
) -> Outcome {
    let judge = Judge::default();
    let settings = Arc::new(settings(scenario));
    let mut spec = world_spec::spec(scenario, seed, options, &settings);
    spec.reseed = options.reseed.map(|reseed| Reseed { at: reseed.at + ZERO, ..reseed });
    let observer = judge.clone();
    spec.observers.push(Box::new(move |world, commit| observe(&observer, world, commit)));
    world::run(spec, |world| async move {
        begin(&world);
        judge.state().truth = Truth::load(&world);
        let context = Context::new(world.ports(STAFF), settings);
        let played = phases::play(Arc::new(world.clone()), scenario, &judge, context).await;
        with_history(played, &world, options)
    })
}

/// What only a seeded world can tell of a run.
fn with_history(played: Played, world: &World, options: Options) -> Outcome {
    let Played { outcome, last_line } = played;
    let story = match options.story {
        true => Story { ending: Some(last_line), ..told_from_zero(world.history().story()) },
        false => Story::default(),
    };
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

/// The story in the storm's own time, without what came before.
fn told_from_zero(mut story: Story) -> Story {
    let zero = u64::try_from(ZERO.as_millis()).expect("a second");
    story.lines.retain(|line| line.at_ms >= zero);
    story.lines.iter_mut().for_each(|line| line.at_ms -= zero);
    story
}

/// A passage in the storm's own time; none of the set-up.
fn from_zero(passage: Passage) -> Option<Passage> {
    passage.at.checked_sub(ZERO).map(|at| Passage { at, ..passage })
}

/// The judge follows a commit.
fn observe(judge: &Judge, world: &World, commit: &Commit<'_>) {
    let state = &mut *judge.state();
    if state.opened {
        let step = state.truth.follow(world, commit);
        state.follow(world, &step);
    }
}

impl Observed for World {
    fn elapsed(&self) -> Duration {
        World::elapsed(self)
    }

    fn alias(&self, order: &str) -> String {
        self.history().alias(order).to_string()
    }

    fn ready<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, usize> {
        let count =
            self.broker(|broker| broker.queue(queue).map_or(0, |queue| queue.ready_count()));
        Box::pin(std::future::ready(count))
    }

    /// The truth follows each commit at once.
    fn refreshed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Environment for World {
    fn ports(&self, name: &str) -> Ports {
        World::ports(self, name)
    }

    fn say(&self, name: &str, order: &str, words: &str) {
        World::say(self, name, order, words);
    }

    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let task = World::spawn(self, name, work);
        Box::pin(async move { task.await.expect("clients do not die") })
    }

    fn strike(&self, fault: &Fault) {
        World::strike(self, fault);
    }
}

impl Controlled for World {
    fn storm(&self) -> BoxFuture<'_, Duration> {
        Box::pin(async {
            World::sleep(self, ZERO.saturating_sub(World::elapsed(self))).await;
            ZERO
        })
    }

    /// At rest at two looks in a row: a node that has just woken has had time to go on with what it
    /// was at.
    fn rest<'a>(
        &'a self,
        outside: Outside<'a>,
        bound: Duration,
    ) -> BoxFuture<'a, Option<Duration>> {
        let mut looks = 0;
        let twice = move || {
            let rests = quiescence::restless(self, outside).is_empty();
            looks = if rests { looks + 1 } else { 0 };
            looks == 2
        };
        Box::pin(self.until(bound, twice))
    }

    fn heal(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.heal_all())
    }

    fn faults(&self) -> FaultReport {
        FaultReport { fired: World::fired(self), unfired: World::unfired(self) }
    }

    /// Every commit was followed when it came.
    fn gather<'a>(&'a self, truth: Truth, outside: Outside<'a>) -> BoxFuture<'a, Gathered> {
        let final_state = final_state::gather(self, truth, outside);
        Box::pin(std::future::ready(Gathered { final_state, whole: None }))
    }
}
