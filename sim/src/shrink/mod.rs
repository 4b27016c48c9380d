//! How a scenario gets smaller: fewer faults, customers, orders and steps, a plainer world, rounder
//! numbers, until nothing less breaks the same invariant.
//!
//! The search is `sim/explore/src/shrink.rs`, which knows nothing of shops. Here is what it passes over, in
//! the order in which it is worth trying; how each part gets smaller is a file of its own.

mod faults;
mod numbers;
mod people;
mod place;
#[cfg(test)]
mod tests;

use stormproof_explore::shrink::Pass;
use stormproof_explore::smaller::NAME;
use stormproof_faults::outcome::Outcome;
use stormproof_shop::scenario::document::without_faults;
use stormproof_shop::scenario::{Document, Scenario};

/// How documents get smaller, in the order in which it is worth trying.
pub const PASSES: &[Pass<Document, Outcome>] = &[
    Pass::Simpler(|document, outcome| valid(faults::fired(document, outcome))),
    Pass::Fewer { count: faults::count, without: |it, range| checked(without_faults(it, range)) },
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
