//! Keys are whose they are: people count their orders alike, and never meet in a key.

use std::collections::BTreeMap;

use super::{Evidence, Findings, Invariant, When};

pub const INVARIANT: Invariant = Invariant {
    name: "keys are whose they are",
    says: "two customers who send the same Idempotency-Key are never answered with one order, nor is \
           one kept out by the other's",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

/// That somebody is kept out, customers notice themselves: it is told at once.
fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for customer in &evidence.client_history.customers {
        for order in customer.all().filter_map(|placed| placed.order_id()) {
            let owner = owners.entry(order).or_insert(&customer.name);
            if *owner != customer.name {
                findings.of(order, format!("was given to {owner} and to {}", customer.name));
            }
        }
    }
}
