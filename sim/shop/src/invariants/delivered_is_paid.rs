//! Delivered is paid: nothing leaves unpaid, and nothing that left is paid back while it travels.

use stormproof_system::messages::DeliveryStatus;
use stormproof_system::store::order::OrderStatus;

use super::{Evidence, Findings, Invariant, When};
use crate::truth::rows::Id;
use crate::truth::{Step, Truth};

pub const INVARIANT: Invariant = Invariant {
    name: "delivered is paid",
    says: "DELIVERED: debited once and not refunded; a delivery exists only for a debited order",
    when: When::Always,
    step: Some(step),
    end: Some(end),
};

fn step(truth: &Truth, step: &Step, findings: &mut Findings) {
    for order in step.orders.iter().filter_map(|moved| moved.after.as_ref()) {
        if order.status == OrderStatus::Delivered {
            paid(truth, &order.id, "is DELIVERED", findings);
        }
    }
    for moved in &step.parcels {
        let Some(parcel) = &moved.after else { continue };
        let was_received = moved.before.as_ref().is_some_and(|before| before.received_at.is_some());
        if parcel.received_at.is_some() && !was_received {
            let what = "is with the carrier";
            match parcel.status {
                // Where a step is many commits, it may have ended since, and the money be back.
                DeliveryStatus::Cancelled | DeliveryStatus::Lost => {
                    charged(truth, &parcel.order_id, what, findings);
                }
                _ => paid(truth, &parcel.order_id, what, findings),
            }
        }
        if parcel.status == DeliveryStatus::Delivered {
            paid(truth, &parcel.order_id, "is delivered by the carrier", findings);
        }
    }
    for refund in step.refunds.iter().filter_map(|moved| moved.after.as_ref()) {
        let Some(order) = truth.debit_of(refund).map(|debit| &debit.order_id) else { continue };
        let parcel = truth.parcels.get(order).map(|parcel| parcel.status);
        if let Some(status) = parcel
            && !matches!(status, DeliveryStatus::Cancelled | DeliveryStatus::Lost)
        {
            findings.of(order, format!("is refunded while its parcel is {}", status.as_str()));
        }
    }
}

fn paid(truth: &Truth, order: &Id, what: &str, findings: &mut Findings) {
    charged(truth, order, what, findings);
    if truth.charge_of(order).is_some() && truth.refund_of(order).is_some() {
        findings.of(order, format!("{what} and is refunded"));
    }
}

fn charged(truth: &Truth, order: &Id, what: &str, findings: &mut Findings) {
    if truth.charge_of(order).is_none() {
        findings.of(order, format!("{what} and was never debited"));
    }
}

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    for order in evidence.truth.orders.iter() {
        if order.status == OrderStatus::Delivered {
            paid(evidence.truth, &order.id, "is DELIVERED", findings);
        }
    }
}
