//! No money kept: who does not get the goods gets the money.

use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;

use super::{Evidence, Findings, Invariant, When, amount};

pub const INVARIANT: Invariant = Invariant {
    name: "no money kept",
    says: "FAILED, CANCELLED or LOST and debited: REFUNDED, or PARKED with an alert",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let truth = evidence.truth;
    for debit in truth.debits.iter().filter(|debit| debit.is_charged()) {
        let id = &debit.order_id;
        let kept = truth.kept_of(id);
        let Some(order) = truth.orders.get(id) else {
            findings.of(id, format!("paid {} and the Store has no such order", amount(kept)));
            continue;
        };
        let undone = matches!(
            order.status,
            OrderStatus::Failed | OrderStatus::Cancelled | OrderStatus::Lost
        );
        if !undone || kept == 0 {
            continue;
        }
        let alerted = evidence.final_state.is_alerted(id, "refund parked");
        if order.payment_status != PaymentStatus::Parked || !alerted {
            let payment = order.payment_status.as_str();
            let (status, alerted) =
                (order.status.as_str(), if alerted { "" } else { " without an alert" });
            findings.of(
                id,
                format!(
                    "is {status} and the shop keeps {}: its payment is {payment}{alerted}",
                    amount(kept)
                ),
            );
        }
    }
}
