//! The clinic in the seeded world: storms, scenario files, and the bug that storms find.

use clinic::system::Clinic;
use stormproof_explore::shrink::Trial;
use stormproof_explore::smaller::{CANDIDATES_MAX, NAME, breaks, shrink};
use stormproof_explore::{
    Document as _, DocumentOf, Options, Profile, System as _, scenario_tests, sim_test,
};
use stormproof_faults::outcome::Outcome;

const SOUND: Clinic = Clinic { forgets_requests: false };
const FORGETFUL: Clinic = Clinic { forgets_requests: true };

sim_test!(no_storm_breaks_it, SOUND, seeds = 1..=20);
sim_test!(no_moment_breaks_it, SOUND, seeds = 1..=20, profile = Priority);
scenario_tests!(SOUND, "scenarios": calm_day, reply_lost, crash_before_ack);

/// Runs documents of the forgetful clinic, here in this process.
struct Runs;

impl Trial<DocumentOf<Clinic>> for Runs {
    type Evidence = Outcome;

    fn first(
        &mut self,
        candidates: &[DocumentOf<Clinic>],
    ) -> Result<Option<(usize, Outcome)>, String> {
        Ok(candidates.iter().enumerate().find_map(|(place, document)| {
            let scenario = FORGETFUL.check(NAME, document.clone()).expect("candidates can run");
            let outcome = FORGETFUL.simulate(&scenario, document.seed(), Options::default());
            breaks(&outcome, "a patient has one appointment").then_some((place, outcome))
        }))
    }
}

/// Whose answer is lost asks again, is refused her own slot, and takes the next one as well.
#[test]
fn the_planted_bug_is_found_and_shrinks_to_one_fault() {
    let storms: Vec<_> = (1..=20).map(|seed| FORGETFUL.draw(seed, Profile::Swarm)).collect();
    let found = Runs.first(&storms).expect("storms can run");
    let (place, outcome) = found.expect("one of twenty storms finds it");
    let shrunk = shrink(&FORGETFUL, &mut Runs, storms[place].clone(), outcome, CANDIDATES_MAX);
    let shrunk = shrunk.expect("candidates can run");
    assert!(shrunk.complete);
    assert_eq!(shrunk.smallest.faults(), 1, "{}", shrunk.smallest.to_toml());
}
