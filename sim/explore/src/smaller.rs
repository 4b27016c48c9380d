//! How a scenario gets smaller: by its system's passes, until nothing less breaks the same invariant.

use super::shrink::{self, Plan, Shrunk, Trial};
use super::system::{DocumentOf, System};
use stormproof_faults::document::Document;
use stormproof_faults::outcome::Outcome;

/// A name for what comes from no file.
pub const NAME: &str = "shrunk";

/// More candidates than a storm takes, unless it clings to every part.
pub const CANDIDATES_MAX: u64 = 10_000;

/// The smallest document that still fails. `document` has failed, with `outcome`; `trial` says
/// whether another does, as [`breaks`] would for one invariant.
///
/// # Errors
/// If candidates cannot be run at all.
pub fn shrink<S: System, T: Trial<DocumentOf<S>, Evidence = Outcome>>(
    system: &S,
    trial: &mut T,
    document: DocumentOf<S>,
    outcome: Outcome,
    candidates_max: u64,
) -> Result<Shrunk<DocumentOf<S>, Outcome>, String> {
    let passes = system.passes();
    let plan = Plan {
        passes: &passes,
        valid: &|document| system.check(NAME, document.clone()).is_ok(),
        chances: &[1..9, 9..33],
        vary: DocumentOf::<S>::with_seed,
        candidates_max,
    };
    shrink::shrink(&plan, trial, document, outcome)
}

/// Whether a run broke this invariant, whatever else it broke.
pub fn breaks(outcome: &Outcome, invariant: &str) -> bool {
    outcome.broken.iter().any(|broken| broken.invariant == invariant)
}
