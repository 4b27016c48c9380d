//! Views agree: Store, Warehouse, Bank and DeliveryCo tell the same story of every order.

use std::collections::BTreeMap;

use stormproof_system::messages::{DeliveryStatus, PaymentOutcome};
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;
use stormproof_system::warehouse::reservation::State;

use super::{Evidence, Findings, Invariant, When};
use crate::truth::final_state::Goods;
use crate::truth::rows::{Id, OrderRow};

pub const INVARIANT: Invariant = Invariant {
    name: "views agree",
    says: "Store, Warehouse, Bank and DeliveryCo tell the same story; the carrier fetches what is \
           reserved, where it is reserved",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let truth = evidence.truth;
    for order in truth.orders.iter().filter(|order| truth.is_settled(order)) {
        bank_agrees(evidence, order, findings);
        carrier_agrees(evidence, order, findings);
        warehouse_agrees(evidence, order, findings);
    }
    let unknown = |id: &Id| truth.orders.get(id).is_none();
    for debit in truth.debits.iter().filter(|debit| unknown(&debit.order_id)) {
        findings.of(&debit.order_id, "is known to the Bank and not to the Store");
    }
    for parcel in truth.parcels.iter().filter(|parcel| unknown(&parcel.order_id)) {
        findings.of(&parcel.order_id, "is known to DeliveryCo and not to the Store");
    }
    for reservation in truth.reservations.iter().filter(|row| unknown(&row.order_id)) {
        findings.of(&reservation.order_id, "is known to the Warehouse and not to the Store");
    }
}

fn bank_agrees(evidence: &Evidence<'_>, order: &OrderRow, findings: &mut Findings) {
    let truth = evidence.truth;
    let debit = truth.debits.get(&order.id);
    let refund = truth.refund_of(&order.id);
    let outcome = debit.map(|debit| debit.outcome);
    let expected = match order.payment_status {
        PaymentStatus::None => None,
        PaymentStatus::Declined => Some(PaymentOutcome::Declined),
        PaymentStatus::Voided => Some(PaymentOutcome::Voided),
        _ => Some(PaymentOutcome::Debited),
    };
    let told = order.payment_status.as_str();
    if outcome != expected {
        findings.of(&order.id, format!("its payment is {told}, the Bank says {outcome:?}"));
        return;
    }
    if let Some(debit) = debit.filter(|debit| debit.is_charged()) {
        if debit.transaction_id.as_deref() != Some(&*order.transaction_id) {
            findings.of(&order.id, "Store and Bank name different transactions for its debit");
        }
        if debit.amount != Some(order.total) || debit.account.as_deref() != Some(&*order.user_id) {
            findings.of(&order.id, "Store and Bank disagree about who paid how much");
        }
    }
    let refunded = order.payment_status == PaymentStatus::Refunded;
    if refunded != refund.is_some() {
        let bank = if refund.is_some() { "has refunded" } else { "has not refunded" };
        findings.of(&order.id, format!("its payment is {told}, the Bank {bank}"));
    }
    if let Some(refund) = refund
        && refunded
        && refund.transaction_id != order.refund_id
    {
        findings.of(&order.id, "Store and Bank name different transactions for its refund");
    }
}

fn carrier_agrees(evidence: &Evidence<'_>, order: &OrderRow, findings: &mut Findings) {
    let parcel = evidence.truth.parcels.get(&order.id);
    let status = parcel.map(|parcel| parcel.status);
    // A parcel that was found before the Store heard of its loss arrived like any other.
    let arrived = status == Some(DeliveryStatus::Delivered)
        || parcel.is_some_and(|parcel| parcel.found_at.is_some());
    let agrees = match order.status {
        OrderStatus::Delivered => arrived,
        OrderStatus::Lost => status == Some(DeliveryStatus::Lost),
        _ => matches!(status, None | Some(DeliveryStatus::Cancelled)),
    };
    if !agrees {
        let parcel = status.map_or("absent", DeliveryStatus::as_str);
        findings.of(&order.id, format!("is {}, its parcel {parcel}", order.status.as_str()));
    }
}

fn warehouse_agrees(evidence: &Evidence<'_>, order: &OrderRow, findings: &mut Findings) {
    let truth = evidence.truth;
    let state = truth.reservations.get(&order.id).map(|row| row.state);
    let agrees = match order.status {
        OrderStatus::Delivered | OrderStatus::Lost => state == Some(State::Committed),
        _ => matches!(state, None | Some(State::Released | State::Returned)),
    };
    if !agrees {
        let state = state.map_or("absent", State::as_str);
        findings.of(&order.id, format!("is {}, its reservation {state}", order.status.as_str()));
    }
    let mut reserved: BTreeMap<String, i64> = BTreeMap::new();
    for line in truth.reservation_lines.all(&order.id) {
        *reserved.entry(line.sku.to_string()).or_default() += line.quantity;
    }
    if let Some(fetched) = evidence.final_state.consignments.get(&order.id) {
        let mut shelves = Goods::new();
        for line in truth.reservation_lines.all(&order.id) {
            *shelves.entry((line.sku.to_string(), line.warehouse.to_string())).or_default() +=
                line.quantity;
        }
        if *fetched != shelves {
            findings.of(
                &order.id,
                format!("reserved {shelves:?}, the carrier was to fetch {fetched:?}"),
            );
        }
    }
    let ordered = evidence.final_state.lines.get(&order.id);
    if !reserved.is_empty() && ordered != Some(&reserved) {
        findings.of(&order.id, format!("ordered {ordered:?}, reserved {reserved:?}"));
    }
}
