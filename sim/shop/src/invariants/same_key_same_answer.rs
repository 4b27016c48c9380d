//! Same key, same answer: whoever asks again is told what was told first.

use std::collections::BTreeMap;

use super::{Evidence, Findings, Invariant, When};

pub const INVARIANT: Invariant = Invariant {
    name: "same key, same answer",
    says: "all answers to one idempotency key of a customer are identical for as long as keys are kept, \
           and no two keys share an order",
    when: When::Always,
    step: None,
    end: Some(end),
};

/// Two different answers to one key are told by the customer who got them, at once. Here: two
/// orders for one key's content, or one order for two keys.
fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    for customer in &evidence.client_history.customers {
        let mut orders = BTreeMap::new();
        for placed in customer.all() {
            let Some(id) = placed.order_id() else { continue };
            if let Some(other) = orders.insert(id.clone(), &placed.key) {
                findings.of(id, format!("answers two keys: {other} and {}", placed.key));
            }
        }
        let made = evidence.truth.orders.iter().filter(|row| *row.user_id == *customer.user_id);
        let keys_kept = evidence.client_history.keys_kept;
        let asked = customer.orders.iter().map(|placed| placed.orders_max(keys_kept)).sum::<u128>();
        let made = made.count();
        if u128::try_from(made).is_ok_and(|made| made > asked) {
            findings.that(format!("{} asked for {asked} orders and has {made}", customer.name));
        }
    }
}
