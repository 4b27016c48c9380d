//! How a shop's scenario gets smaller: fewer faults, customers, orders and steps, a plainer world,
//! rounder numbers, until nothing less breaks the same invariant.
//!
//! The search and what every scenario has are `stormproof-explore`'s. Here is what it passes over, in
//! the order in which it is worth trying; how each part gets smaller is a file of its own.

mod earlier;
mod people;
mod place;
mod retarget;
#[cfg(test)]
mod tests;

use stormproof_explore::passes::{fewer_faults, fired, simpler_faults, smaller_seed};
use stormproof_explore::shrink::Pass;
use stormproof_faults::outcome::Outcome;
use stormproof_shop::scenario::Document;

/// How documents get smaller, in the order in which it is worth trying.
pub fn passes() -> Vec<Pass<'static, Document, Outcome>> {
    vec![
        fired(),
        fewer_faults(),
        Pass::fewer(people::orders, people::without_orders),
        Pass::fewer(people::steps, people::without_steps),
        Pass::fewer(people::customers, |it, range| Some(people::without_customers(it, range))),
        fired(),
        // First the prices: a product that has one needs no stock to be ordered.
        Pass::fewer(place::trims, |it, range| Some(place::without_trims(it, range))),
        Pass::fewer(place::stock, |it, range| Some(place::without_stock(it, range))),
        Pass::simpler(|document, _| place::forms(document)),
        Pass::simpler(|document, _| people::forms(document)),
        simpler_faults(),
        Pass::simpler(|document, _| earlier::earlier(document)),
        smaller_seed(),
    ]
}
