//! Faults and storms as strategies of [proptest](mod@proptest): drawn from seeds as the explorer draws
//! them, made smaller by proptest's own means, one fault after the other.
//!
//! [`storms`] are whole scenarios of a [`System`], with the clients' work that it draws. [`faults`] are
//! for properties whose work comes from strategies of their own. [`holds`] runs what was drawn.
//!
//! ```
//! use proptest::prelude::*;
//! use stormproof_explore::{Profile, System};
//! use stormproof_proptest::{holds, storms};
//!
//! fn a_storm_leaves_no_gap<MySystem: System + Default>() {
//!     let system = MySystem::default();
//!     proptest!(|(storm in storms(&system, Profile::Swarm))| {
//!         let outcome = holds(&system, &storm)?;
//!         prop_assert!(outcome.figures.number("bookings") > 0);
//!     });
//! }
//! ```
//!
//! What fails is printed as a scenario file. A world of the explorer's runs alone in its process, so
//! properties wait for each other.

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

use std::fmt;
use std::time::Duration;

use proptest::collection::{SizeRange, vec};
use proptest::prelude::*;
use proptest::sample::subsequence;
use stormproof_explore::swarm::Storm;
use stormproof_explore::{Document, DocumentOf, Options, Outcome, Profile, System};
use stormproof_faults::topology::Topology;
use stormproof_faults::{FaultTable, NoOwnKinds};
use stormproof_world::seed::Seed;

/// A scenario as it is written, which is how it is shown.
#[derive(Clone, PartialEq)]
pub struct Written<D>(pub D);

impl<D: Document> fmt::Debug for Written<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\n{}", self.0.to_toml())
    }
}

/// The storms of a system, each with some of its faults or all. Smaller ones have fewer faults and
/// the same clients.
pub fn storms<S: System>(
    system: &S,
    profile: Profile,
) -> impl Strategy<Value = Written<DocumentOf<S>>> {
    any::<u64>().no_shrink().prop_flat_map(move |seed| {
        let storm = system.draw(seed, profile);
        let faults = storm.faults().to_vec();
        let count = 0..=faults.len();
        subsequence(faults, count).prop_map(move |faults| Written(storm.with_faults(faults)))
    })
}

/// Faults that `topology`'s nodes can suffer in a storm of this `length`, each drawn from a seed of
/// its own; they begin within its first three quarters. Smaller lists have fewer of the same faults.
///
/// Draws nothing, and so fails a test, if there is nothing that could fail.
pub fn faults(
    topology: &Topology,
    profile: Profile,
    length: Duration,
    count: impl Into<SizeRange>,
) -> impl Strategy<Value = Vec<FaultTable<NoOwnKinds>>> {
    let topology = topology.clone();
    let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let fault = any::<u64>().no_shrink().prop_filter_map("nothing can fail", move |seed| {
        let begin_within_ms = length_ms / 4 * 3;
        let storm = Storm { topology: &topology, length_ms, begin_within_ms, own: &() };
        one_of(storm.faults(Seed(seed), profile), seed)
    });
    vec(fault, count)
}

/// One of what was drawn from `seed`.
fn one_of<T>(mut drawn: Vec<T>, seed: u64) -> Option<T> {
    let place = seed.checked_rem(u64::try_from(drawn.len()).ok()?)?;
    Some(drawn.swap_remove(usize::try_from(place).ok()?))
}

/// Runs a scenario under its own seed; its outcome, if every invariant held.
///
/// # Errors
/// [`TestCaseError::Reject`] if the scenario cannot run, [`TestCaseError::Fail`] with what broke.
pub fn holds<S: System>(
    system: &S,
    scenario: &Written<DocumentOf<S>>,
) -> Result<Outcome, TestCaseError> {
    let checked = system.check("property", scenario.0.clone());
    let checked = checked.map_err(|mistake| TestCaseError::reject(mistake.to_string()))?;
    let outcome = system.simulate(&checked, scenario.0.seed(), Options::default());
    let broken = outcome.broken.iter().map(|it| format!("{}: {}", it.invariant, it.what));
    match broken.collect::<Vec<_>>() {
        none if none.is_empty() => Ok(outcome),
        some => Err(TestCaseError::fail(some.join("; "))),
    }
}
