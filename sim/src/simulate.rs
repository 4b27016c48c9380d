//! A scenario in the seeded world: same scenario, same seed, same outcome, byte for byte.

use std::sync::Arc;

use stormproof_explore::{Options, ZERO};
use stormproof_faults::outcome::{Outcome, Story};
use stormproof_shop::judge::Judge;
use stormproof_shop::phases::{self, Played};
use stormproof_shop::scenario::Scenario;
use stormproof_shop::secrets;
use stormproof_shop::service_settings::settings;
use stormproof_shop::topology::STAFF;
use stormproof_shop::truth::Truth;
use stormproof_system::context::Context;
use stormproof_world::{self as world, Reseed, World};

use crate::seeded::{Seeded, observe};
use crate::world_spec;

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
    spec.never_logged = secrets::marks();
    let observer = judge.clone();
    spec.observers.push(Box::new(move |world, commit| observe(&observer, world, commit)));
    let listener = judge.clone();
    spec.listeners.push(Box::new(move |at, _, call| {
        listener.state().truth.questions.hear(at, call);
    }));
    world::run(spec, |world| async move {
        begin(&world);
        judge.state().truth = Truth::load(&Seeded(world.clone()));
        let context = Context::new(world.ports(STAFF), settings);
        let played = phases::play(Arc::new(Seeded(world.clone())), scenario, &judge, context).await;
        with_history(played, &world, options)
    })
}

/// What only a seeded world can tell of a run.
fn with_history(played: Played, world: &World, options: Options) -> Outcome {
    let Played { outcome, last_line } = played;
    let story = match options.story {
        true => Story { ending: Some(last_line), ..world.history().story().since(ZERO) },
        false => Story::default(),
    };
    Outcome {
        seed: world.seed().0,
        virtual_seconds: world.elapsed().as_secs_f64(),
        events: world.history().events(),
        moments: world.moments(),
        struck: world.struck(),
        passages: world.passages().into_iter().filter_map(|it| it.since(ZERO)).collect(),
        statements: world.statements(),
        fingerprint: world.fingerprint(),
        story,
        trace: if options.trace { world.history().trace() } else { Vec::new() },
        ..outcome
    }
}
