//! Sums are right: price times quantity, summed over the lines, is what everybody was told, paid and
//! got back. Worked out here from the catalogue, for Store and Bank can agree on a wrong sum.

use std::time::Duration;

use super::{Evidence, Findings, Invariant, When};
use crate::truth::rows::OrderRow;

pub const INVARIANT: Invariant = Invariant {
    name: "sums are right",
    says: "the catalogue's price times the quantity, summed over an order's lines, is its total, its \
           debit, its refund, and what its mails say",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    for order in evidence.truth.orders.iter() {
        match due(evidence, order, findings) {
            Some(due) => paid(evidence, order, due, findings),
            None => findings.of(&order.id, "has a sum that no account can hold"),
        }
    }
}

/// What an order costs by the catalogue, in minor units; `None`: more than there is money.
fn due(evidence: &Evidence<'_>, order: &OrderRow, findings: &mut Findings) -> Option<i64> {
    let final_state = evidence.final_state;
    let mut sum = 0_i64;
    for (sku, quantity) in final_state.lines.get(&order.id).into_iter().flatten() {
        let sold_at = final_state.prices.get(&order.id).and_then(|prices| prices.get(sku)).copied();
        let asked = prices(evidence, order, sku);
        let price = match sold_at.filter(|sold_at| asked.contains(sold_at)) {
            Some(price) => price,
            None => {
                let sold_at = sold_at.map(decimal);
                let asked: Vec<_> = asked.iter().copied().map(decimal).collect();
                let asked = asked.join(" or ");
                findings.of(&order.id, format!("sold {sku} at {sold_at:?}, expected {asked:?}"));
                continue;
            }
        };
        sum = price.checked_mul(*quantity).and_then(|line| sum.checked_add(line))?;
    }
    Some(sum)
}

/// What a product cost at some time between its customer's asking for an order and the order's coming:
/// while staff change a price, either.
fn prices(evidence: &Evidence<'_>, order: &OrderRow, sku: &str) -> Vec<i64> {
    let Evidence { truth, client_history, scenario, .. } = evidence;
    let at_first = scenario.world.products.get(sku).copied();
    let Some(change) = client_history.price_changes.get(sku) else {
        return Vec::from_iter(at_first);
    };
    let asked = client_history.asked_at(&order.id);
    // Where commits are not followed one by one, nobody knows when it came.
    let placed = truth.lows.placed.get(&order.id).filter(|_| truth.lows.followed);
    let placed = placed.copied().unwrap_or(Duration::MAX);
    let at_first = at_first.filter(|_| change.done.is_none_or(|done| asked <= done));
    let changed = (change.begun <= placed).then_some(change.price);
    at_first.into_iter().chain(changed).collect()
}

/// Whether `due` is what moved, and what was said to move.
fn paid(evidence: &Evidence<'_>, order: &OrderRow, due: i64, findings: &mut Findings) {
    let Evidence { truth, final_state, .. } = evidence;
    let debit = truth.charge_of(&order.id).and_then(|debit| debit.amount);
    let refund = truth.refund_of(&order.id).map(|refund| refund.amount);
    for (what, amount) in [("costs", Some(order.total)), ("paid", debit), ("got back", refund)] {
        if let Some(amount) = amount.filter(|amount| *amount != due) {
            let (amount, due) = (decimal(amount), decimal(due));
            findings.of(&order.id, format!("{what} {amount}, and its lines come to {due}"));
        }
    }
    let due = format!("{} AUD", decimal(due));
    for mail in final_state.mails.iter().filter(|mail| *mail.order == *order.id) {
        if let Some(said) = mail.amount.as_ref().filter(|said| **said != due) {
            findings.of(
                &order.id,
                format!("its mail of {} says {said}, and its lines come to {due}", mail.template),
            );
        }
    }
}

/// `42.00`: cents with all their digits, written without the shop's own means.
fn decimal(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", minor.unsigned_abs() / 100, minor.unsigned_abs() % 100)
}
