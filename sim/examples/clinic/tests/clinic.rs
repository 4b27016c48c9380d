//! The clinic in the seeded world: storms, scenario files, and a bug to be found.

use clinic::system::Clinic;
use stormproof_explore::testing::smallest_breach;
use stormproof_explore::{Document as _, scenario_tests, sim_test};

const SOUND: Clinic = Clinic { forgets_requests: false };

#[sim_test(system = SOUND)]
fn no_storm_breaks_it() {}

#[sim_test(system = SOUND, profile = Priority)]
fn no_moment_breaks_it() {}

scenario_tests!(SOUND, "scenarios");

/// Whose answer is lost asks again, is refused her own slot, and takes the next one as well.
#[test]
fn the_bug_is_found_and_shrinks_to_one_fault() {
    let clinic = Clinic { forgets_requests: true };
    let smallest = smallest_breach(&clinic, 1..=20, "a patient has one appointment").smallest;
    assert_eq!(smallest.faults().len(), 1, "{}", smallest.to_toml());
}
