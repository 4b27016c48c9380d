//! What [`stormproof_explore::sim_test`] makes and what its tests call, on the shop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use stormproof_explore::testing::{SEED, Storms, all_are_named, scenario_holds, storms_hold};
use stormproof_explore::{Document as _, Outcome, OwnOf, Profile, System as _, sim_test};
use stormproof_faults::FaultKind;
use stormproof_faults::table::rows;
use stormproof_sim::Shop;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

#[sim_test(system = Shop, seeds = 1..=2)]
fn the_shop_holds_in_storms() {}

#[sim_test(system = Shop, seeds = 1..=2, profile = Priority)]
fn the_shop_holds_at_moments(outcome: &Outcome) {
    assert!(outcome.figures.number("orders") > 0);
}

#[sim_test(system = Shop, seeds = [1], profile = Uniform)]
fn the_macro_knows_every_profile() {
    // One more is an error here until `sim/macros/src/sim_test.rs` has it too.
    match Profile::default() {
        Profile::Swarm | Profile::Uniform | Profile::Priority => (),
    }
}

/// In swarms of four kinds nothing else fires. People's own faults are kinds like the others.
#[sim_test(system = Shop, seeds = [3, 5], faults = ["crash", "reply_lost", "close_account", "cut"])]
fn only_the_asked_faults_fire(outcome: &Outcome) {
    let asked = ["crash", "reply_lost", "close_account", "cut"];
    for row in rows::<OwnOf<Shop>>().iter().filter(|row| !asked.contains(&row.key)) {
        assert_eq!(outcome.faults_fired[row.name], 0, "{}", row.name);
    }
}

#[sim_test(system = Shop, seeds = 1..=1)]
#[should_panic(expected = "seen by the body: storm")]
fn the_body_may_fail(outcome: &Outcome) {
    panic!("seen by the body: {}", outcome.scenario);
}

#[test]
fn a_scenario_is_a_test() {
    let text = include_str!("../../scenarios/broker_crashes.toml");
    let holds = |text: &str| {
        catch_unwind(|| scenario_holds(&Shop, "broker_crashes", "broker_crashes.toml", text))
    };
    assert!(holds(text).is_ok());
    assert!(holds("about = \"Nothing.\"\nnobody = \"wrote it\"").is_err());
}

#[test]
fn no_file_is_left_out() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli");
    all_are_named(folder, &[], file!());
    assert!(catch_unwind(|| all_are_named(folder, &["calm"], file!())).is_err());
    assert!(catch_unwind(|| all_are_named(SCENARIOS, &["broker_crashes"], file!())).is_err());
}

#[test]
fn a_kind_that_there_is_not_is_told() {
    let why = why(&Storms { faults: Some(&["crash", "plague"]), ..Storms::default() });
    assert!(why.contains("no kind of fault \"plague\": expected crash, stop,"), "{why}");
    assert!(why.contains("lose_parcel"), "the shop's own kinds are known too: {why}");
}

/// A test whose storms have none of the faults that it is about would hold whatever the shop does.
#[test]
fn storms_without_the_asked_kinds_are_told() {
    let drawn = Shop.draw(1, Profile::Swarm);
    let kinds = drawn.faults().iter().flat_map(|fault| &fault.value.kinds);
    let drawn: Vec<_> = kinds.map(|(row, _)| row.key).collect();
    let mut keys = FaultKind::ALL.iter().map(|kind| kind.key());
    let other = keys.find(|key| !drawn.contains(key)).expect("a swarm switches kinds off");
    let why = why(&Storms { seeds: vec![1], faults: Some(&[other]), ..Storms::default() });
    assert!(why.contains("no storm of 1 seeds has one of these faults"), "{why}");
}

/// Why these storms of the shop do not hold.
fn why(storms: &Storms<'_>) -> String {
    let hold = || storms_hold(&Shop, "nobody_runs_it_again", storms, |_| {});
    let panic = catch_unwind(AssertUnwindSafe(hold)).expect_err("it panics");
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

/// A seed in the environment is the one that runs, and what fails says how it is run alone.
#[test]
fn the_environment_names_the_seed() {
    let said = run("the_shop_holds_in_storms", "seven");
    assert!(said.contains("is a number"), "{said}");
    let said = run("the_body_may_fail", "48213");
    assert!(said.contains("replay  STORMPROOF_SEED=48213 cargo test the_body_may_fail"), "{said}");
}

/// What a test of this file says when it is run under this seed.
fn run(test: &str, seed: &str) -> String {
    let this = std::env::current_exe().expect("a test has a file");
    let mut again = Command::new(this);
    again.args(["--exact", test, "--nocapture"]).env(SEED, seed);
    let output = again.output().expect("it can be started");
    [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat()
}
