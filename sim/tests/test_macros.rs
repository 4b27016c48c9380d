//! What [`stormproof_explore::sim_test`] and [`stormproof_explore::scenario_tests`] make, on the shop.

use std::panic::catch_unwind;
use std::process::Command;

use stormproof_explore::sim_test;
use stormproof_explore::testing::{SEED, all_are_named, scenario_holds};
use stormproof_sim::Shop;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

sim_test!(the_shop_holds_in_storms, Shop, seeds = 1..=2);
sim_test!(the_shop_holds_at_moments, Shop, seeds = 1..=2, profile = Priority);

#[test]
fn a_scenario_file_is_a_test() {
    scenario_holds(&Shop, SCENARIOS, "broker_crashes");
    assert!(catch_unwind(|| scenario_holds(&Shop, SCENARIOS, "nobody_wrote_it")).is_err());
}

#[test]
fn no_file_is_left_out() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli");
    all_are_named(folder, &[]);
    assert!(catch_unwind(|| all_are_named(folder, &["calm"])).is_err());
    assert!(catch_unwind(|| all_are_named(SCENARIOS, &["broker_crashes"])).is_err());
}

/// A seed in the environment is the one that runs.
#[test]
fn the_environment_names_the_seed() {
    let this = std::env::current_exe().expect("a test has a file");
    let mut again = Command::new(this);
    again.args(["--exact", "the_shop_holds_in_storms"]).env(SEED, "seven");
    let output = again.output().expect("it can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("is a number"), "{said}");
}
