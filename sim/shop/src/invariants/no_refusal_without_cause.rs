//! No refusal without cause: who is refused for want of stock or money could not have been served.

use stormproof_system::messages::PaymentOutcome;
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;

use super::{Evidence, Findings, Invariant, When, amount};
use crate::truth::rows::OrderRow;

pub const INVARIANT: Invariant = Invariant {
    name: "no refusal without cause",
    says: "an order FAILED unpaid only if, at a moment between its customer's asking and the refusal, there \
           was too little of one of its products; DECLINED only if the account had too little or \
           was not open",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

/// Where commits are not followed one by one (a rehearsal), nobody knows what there was when.
fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let truth = evidence.truth;
    if !truth.lows.followed {
        return;
    }
    for order in truth.orders.iter().filter(|order| order.status == OrderStatus::Failed) {
        match order.payment_status {
            PaymentStatus::None => stock_was_short(evidence, order, findings),
            PaymentStatus::Declined => money_was_short(evidence, order, findings),
            _ => {}
        }
    }
}

fn stock_was_short(evidence: &Evidence<'_>, order: &OrderRow, findings: &mut Findings) {
    let lows = &evidence.truth.lows;
    let Some(refused) = lows.refused.get(&order.id) else { return };
    let asked = evidence.client_history.asked_at(&order.id);
    let mut lines = evidence.final_state.lines.get(&order.id).into_iter().flatten();
    let short = lines.any(|(sku, quantity)| lows.free.least(sku, asked, *refused) < *quantity);
    if !short {
        findings
            .of(&order.id, "was refused, and at no time was there too little of anything in it");
    }
}

fn money_was_short(evidence: &Evidence<'_>, order: &OrderRow, findings: &mut Findings) {
    let truth = evidence.truth;
    let debits = truth.debits.all(&order.id);
    let declined = debits.filter(|debit| debit.outcome == PaymentOutcome::Declined).count() > 0;
    let at = truth.lows.decided.get(&order.id).filter(|_| declined);
    let Some(at) = at else { return };
    let asked = evidence.client_history.asked_at(&order.id);
    let least = truth.lows.spendable.least(&order.user_id, asked, *at);
    if least >= order.total {
        let (least, total) = (amount(least), amount(order.total));
        findings.of(
            &order.id,
            format!("was declined {total}, and its account had {least} at the least"),
        );
    }
}
