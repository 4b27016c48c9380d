//! Every scenario against its snapshot: the story, read as prose.
//!
//! Review changes with `cargo insta review`, or accept them by running with
//! `INSTA_UPDATE=always`, and read them before they are committed.

use stormproof_shop::scenario::files;
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
