//! One debit, one refund: at most one of each for an order, whatever is asked again.

use super::{Findings, Invariant, When, amount};
use crate::truth::{Step, Truth};

pub const INVARIANT: Invariant = Invariant {
    name: "one debit, one refund",
    says: "at most one of each per order",
    when: When::Always,
    step: Some(step),
    end: None,
};

fn step(truth: &Truth, step: &Step, findings: &mut Findings) {
    for moved in &step.debits {
        let order = &moved.row().order_id;
        if let Some(before) = moved.before.as_ref().filter(|before| before.is_charged())
            && moved.after.as_ref() != Some(before)
        {
            findings.of(order, "its debit was changed after it was made");
        }
        let charged: Vec<_> = truth.debits.all(order).filter(|debit| debit.is_charged()).collect();
        if charged.len() > 1 {
            let amounts = charged.iter().filter_map(|debit| debit.amount).map(amount);
            let amounts = amounts.collect::<Vec<_>>().join(" and ");
            findings.of(order, format!("debited more than once: {amounts}"));
        }
    }
    for moved in &step.refunds {
        let refund = moved.row();
        let Some(debit) = truth.debit_of(refund).filter(|debit| debit.is_charged()) else {
            findings.that(format!("a refund of {} without a debit", amount(refund.amount)));
            continue;
        };
        if moved.before.is_some() {
            findings.of(&debit.order_id, "its refund was changed after it was made");
        }
        let keys = truth.debits.all(&debit.order_id).map(|debit| &debit.key);
        let refunds = keys.flat_map(|key| truth.refunds.all(key)).count();
        if refunds > 1 {
            findings.of(&debit.order_id, format!("refunded {refunds} times"));
        }
    }
    // Behind every movement at the shop's tills there is the row of a debit or of a refund.
    for entry in step.entries.iter().filter_map(|moved| moved.after.as_ref()) {
        if !entry.account.starts_with("shop-") {
            continue;
        }
        let transaction = Some(&entry.transaction_id);
        let debited = step.debits.iter().any(|moved| {
            moved.after.as_ref().and_then(|row| row.transaction_id.as_ref()) == transaction
        });
        let refunded = step
            .refunds
            .iter()
            .any(|moved| moved.after.as_ref().map(|row| &row.transaction_id) == transaction);
        if !debited && !refunded {
            let moved = amount(entry.amount);
            findings.that(format!("{moved} moved at the till without a debit or a refund"));
        }
    }
}
