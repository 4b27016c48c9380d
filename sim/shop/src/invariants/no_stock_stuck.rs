//! No stock stuck: what an order does not need is back on its shelf.

use stormproof_system::store::order::OrderStatus;
use stormproof_system::warehouse::reservation::State;

use super::{Evidence, Findings, Invariant, When};

pub const INVARIANT: Invariant = Invariant {
    name: "no stock stuck",
    says: "a terminal order has no HELD reservation; of a FAILED or CANCELLED one the stock is back",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let truth = evidence.truth;
    for reservation in truth.reservations.iter() {
        let id = &reservation.order_id;
        let state = reservation.state;
        let Some(order) = truth.orders.get(id) else {
            if matches!(state, State::Held | State::Committed) {
                findings.of(
                    id,
                    format!("has stock {} and the Store has no such order", state.as_str()),
                );
            }
            continue;
        };
        let status = order.status;
        let undone = matches!(status, OrderStatus::Failed | OrderStatus::Cancelled);
        if (status.is_terminal() && state == State::Held) || (undone && state == State::Committed) {
            findings.of(id, format!("is {} and its stock is {}", status.as_str(), state.as_str()));
        }
    }
}
