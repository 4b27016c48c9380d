//! Every scenario against its snapshot: the story, read as prose.
//!
//! Review changes with `cargo insta review`, or accept them by running with
//! `INSTA_UPDATE=always`, and read them before they are committed.

use stormproof_shop::scenario::{Scenario, files};
use stormproof_sim::{Options, simulate};

#[test]
fn every_scenario_tells_its_story() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    let scenarios = files::load_all().unwrap_or_else(|mistake| panic!("{mistake}"));
    assert!(scenarios.len() >= 25, "only {} scenarios", scenarios.len());
    let mut failures = Vec::new();
    for scenario in scenarios {
        let outcome = simulate(
            &scenario,
            scenario.seed,
            Options { story: true, trace: false, ..Options::default() },
        );
        for broken in &outcome.broken {
            failures.push(format!("{}: {}: {}", scenario.name, broken.invariant, broken.what));
        }
        for fault in &outcome.unfired {
            failures.push(format!("{}: never fired: {fault}", scenario.name));
        }
        insta::assert_snapshot!(scenario.name.clone(), outcome.story.to_string());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// More orders are cancelled before their first call than the driver claims at once. Those that need no
/// call do not count as work for it, and still what is due after them must not wait for a chance look:
/// under load on real servers, cancelled orders were settled 40 s late.
#[test]
fn orders_cancelled_in_a_crowd_are_settled_at_once() {
    let crowd = "[[customer]]\nscript = [{ order = { teapot = 1 } }, { cancel = \"last\" }]\n";
    let text = format!(
        "about = \"A crowd that changes its mind.\"\nseed = 7\n[world]\n\
         stock = [{{ sku = \"teapot\", warehouse = \"sydney\", units = 60 }}]\n{}\
         [expect]\norders = {{ CANCELLED = 40 }}\n",
        crowd.repeat(40)
    );
    let scenario =
        Scenario::parse("crowd.toml", &text).unwrap_or_else(|mistake| panic!("{mistake}"));
    let outcome = simulate(&scenario, scenario.seed, Options::default());
    assert!(outcome.broken.is_empty(), "{:?}", outcome.broken);
    // Rest is looked for every second, and has to last.
    assert!(outcome.virtual_seconds < 5.0, "settled after {} s", outcome.virtual_seconds);
}
