//! ClientHistory kept: what a customer was told is what became true.

use stormproof_system::messages::DeliveryStatus;
use stormproof_system::store::order::OrderStatus;

use super::{Evidence, Findings, Invariant, When, amount};
use crate::client_history::{CustomerBook, KeyAnswer, Placed};
use crate::truth::rows::OrderRow;

pub const INVARIANT: Invariant = Invariant {
    name: "promises kept",
    says: "what a customer was told (an order's id, its total, its statuses and their times, a \
           cancellation) is what became true",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    for customer in &evidence.client_history.customers {
        for placed in customer.all() {
            match &placed.answer {
                Some(answer) => kept(evidence, customer, placed, answer, findings),
                None if placed.forgotten => {}
                None => findings.that(format!("{} never got an answer to an order", customer.name)),
            }
        }
    }
}

fn kept(
    evidence: &Evidence<'_>,
    customer: &CustomerBook,
    placed: &Placed,
    answer: &KeyAnswer,
    findings: &mut Findings,
) {
    let id = &answer.order_id;
    let Some(order) = evidence.truth.orders.get(id) else {
        findings.of(id, format!("was promised to {} and is not in the Store", customer.name));
        return;
    };
    if *order.user_id != *customer.user_id {
        findings.of(id, format!("was promised to {} and belongs to somebody else", customer.name));
    }
    match answer.status {
        202 if answer.total != order.total => findings.of(
            id,
            format!("was to cost {} and costs {}", amount(answer.total), amount(order.total)),
        ),
        409 if order.status != OrderStatus::Failed => {
            findings.of(id, format!("was refused and is {}", order.status.as_str()));
        }
        _ => {}
    }
    let ordered = evidence.final_state.lines.get(id);
    let wanted: std::collections::BTreeMap<String, i64> = placed.lines.iter().cloned().collect();
    if ordered != Some(&wanted) {
        findings.of(id, format!("was {wanted:?} and became {ordered:?}"));
    }
    timeline(order, placed, findings);
    if placed.cancel_accepted {
        cancelled(evidence, order, findings);
    }
}

/// A status that was seen stays in the timeline, at its time; a last one stays the last.
fn timeline(order: &OrderRow, placed: &Placed, findings: &mut Findings) {
    for (status, at) in &placed.seen {
        let Some(known) = OrderStatus::parse(status) else {
            findings.of(&order.id, format!("was told to be {status:?}, which is no status"));
            continue;
        };
        if known.is_terminal() && known != order.status {
            let became = order.status.as_str();
            findings.of(&order.id, format!("was told to be {status} for good and became {became}"));
        }
        let arrival = order.arrival(known);
        if arrival.is_none() || at.is_some_and(|at| arrival != Some(at)) {
            findings.of(&order.id, format!("was {status} at {at:?}, and now it says {arrival:?}"));
        }
    }
}

/// An accepted cancellation ends in CANCELLED, in a refund that waits for people, or in the
/// carrier's refusal: the parcel was picked up.
fn cancelled(evidence: &Evidence<'_>, order: &OrderRow, findings: &mut Findings) {
    let parcel = evidence.truth.parcels.get(&order.id).map(|parcel| parcel.status);
    let refused = matches!(
        parcel,
        Some(
            DeliveryStatus::PickedUp
                | DeliveryStatus::InTransit
                | DeliveryStatus::Delivered
                | DeliveryStatus::Lost
        )
    );
    let kept = match order.status {
        OrderStatus::Cancelled => !refused,
        OrderStatus::CancelPending => true,
        _ => refused,
    };
    if !kept {
        let parcel = parcel.map_or("absent", DeliveryStatus::as_str);
        let status = order.status.as_str();
        findings.of(
            &order.id,
            format!("its cancellation was accepted; it is {status} and its parcel {parcel}"),
        );
    }
}
