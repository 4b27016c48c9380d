//! How a scenario gets smaller: fewer faults, customers, orders and steps, a plainer world, rounder
//! numbers, until nothing less breaks the same invariant.
//!
//! The search is `sim/src/shrink.rs`, which knows nothing of shops. Here is what it passes over, in
//! the order in which it is worth trying; how each part gets smaller is a file of its own.

mod faults;
mod numbers;
mod people;
mod place;
#[cfg(test)]
mod tests;

use crate::outcome::Outcome;
use crate::shop::scenario::{Document, Scenario};
use crate::shrink::{self, Pass, Plan, Shrunk, Trial};

/// A name for what comes from no file.
pub const NAME: &str = "shrunk";

/// More candidates than a storm takes, unless it clings to every part.
pub const CANDIDATES_MAX: u64 = 10_000;

/// What a document holds, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    pub faults: usize,
    pub customers: usize,
    pub orders: usize,
    /// Of all scripts, orders included.
    pub steps: usize,
}

const PASSES: &[Pass<Document, Outcome>] = &[
    Pass::Simpler(|document, outcome| valid(faults::fired(document, outcome))),
    Pass::Fewer { count: faults::count, without: |it, range| checked(faults::without(it, range)) },
    Pass::Fewer {
        count: people::orders,
        without: |it, range| checked(people::without_orders(it, range)?),
    },
    Pass::Fewer {
        count: people::steps,
        without: |it, range| checked(people::without_steps(it, range)?),
    },
    Pass::Fewer {
        count: people::customers,
        without: |it, range| checked(people::without_customers(it, range)),
    },
    Pass::Simpler(|document, outcome| valid(faults::fired(document, outcome))),
    Pass::Fewer {
        count: place::stock,
        without: |it, range| checked(place::without_stock(it, range)),
    },
    Pass::Fewer {
        count: place::trims,
        without: |it, range| checked(place::without_trims(it, range)),
    },
    Pass::Simpler(|document, _| valid(place::forms(document))),
    Pass::Simpler(|document, _| valid(people::forms(document))),
    Pass::Simpler(|document, _| valid(faults::forms(document))),
    Pass::Simpler(|document, _| valid(numbers::earlier(document))),
    Pass::Simpler(|document, _| {
        (1..document.seed.min(SEEDS)).map(|it| under(document, it)).collect()
    }),
];

/// Seeds up to here are easier to remember than those that are drawn.
const SEEDS: u64 = 10;

/// The smallest document that still fails. `document` has failed, with `outcome`; `trial` says
/// whether another does, as [`breaks`] would for one invariant.
///
/// # Errors
/// If candidates cannot be run at all.
pub fn shrink<T: Trial<Document, Evidence = Outcome>>(
    trial: &mut T,
    document: Document,
    outcome: Outcome,
    candidates_max: u64,
) -> Result<Shrunk<Document, Outcome>, String> {
    let plan = Plan { passes: PASSES, chances: &[1..9, 9..33], vary: under, candidates_max };
    shrink::shrink(&plan, trial, document, outcome)
}

/// Whether a run broke this invariant, whatever else it broke.
pub fn breaks(outcome: &Outcome, invariant: &str) -> bool {
    outcome.broken.iter().any(|broken| broken.invariant == invariant)
}

/// The document without one of its faults, and without those that need it.
pub fn without_fault(document: &Document, place: usize) -> Option<Document> {
    checked(faults::without(document, place..place + 1))
}

/// The same document under another seed.
fn under(document: &Document, seed: u64) -> Document {
    Document { seed, ..document.clone() }
}

/// Only what can run: a candidate that makes no sense is none.
fn valid(candidates: impl IntoIterator<Item = Document>) -> Vec<Document> {
    candidates.into_iter().filter_map(checked).collect()
}

fn checked(document: Document) -> Option<Document> {
    Scenario::from_document(NAME, document).ok().map(|scenario| scenario.document)
}

impl Size {
    /// The size of a document.
    pub fn of(document: &Document) -> Size {
        let steps = || document.customers.iter().flat_map(|customer| &customer.script);
        Size {
            faults: document.faults.len(),
            customers: document.customers.len(),
            orders: steps().filter(|step| step.value.order.is_some()).count(),
            steps: steps().count(),
        }
    }
}
