//! The shop's side of the simulator: who buys, what goes wrong, what must hold.
//!
//! [`simulate`] runs one scenario under one seed through storm, calm and reckoning. The world is
//! generic; everything that knows of orders, money and parcels is here.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are cents: 42_00 reads as 42.00")]

mod client;
mod customers;
mod ending;
pub mod invariants;
mod judge;
pub mod map;
pub mod moments;
mod phases;
pub mod promises;
pub mod scenario;
mod setting;
pub mod sometimes;
mod staff;
pub mod swarm;
#[cfg(test)]
mod tests;
pub mod truth;

use crate::outcome::Outcome;
use crate::world::{self, World};
use judge::Judge;
use scenario::Scenario;

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
    spec.observers.push(Box::new(move |world, commit| observer.observe(world, commit)));
    world::run(spec, |world| async move {
        begin(&world);
        phases::live(&world, scenario, &judge, options).await
    })
}
