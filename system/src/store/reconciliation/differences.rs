//! Reconciliation: whether all services tell the same story of an order. Pure.
//!
//! [`compare`] is `protocol.md` §1 read across the machines: what payment, reservation and delivery
//! must be once the order has its last status. It is asked only of orders that rest; who asks,
//! when, and what the answer leads to is `pass.rs`'s.

use std::collections::BTreeMap;

use crate::bank::dto::{Movement, PaymentOutcome, PaymentView};
use crate::delivery::dto::Delivery;
use crate::messages::DeliveryStatus;
use crate::store::order::OrderStatus;
use crate::store::payment::PaymentStatus;
use crate::store::saga::{Case, Goal};
use crate::warehouse::dto::{ReservationView, State};

/// What the other services say of one order; `None`: they have never heard of it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub reservation: Option<ReservationView>,
    pub payment: Option<PaymentView>,
    pub delivery: Option<Delivery>,
}

/// Something that two services tell differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// One of [`KINDS`], and the kind of its alert.
    pub kind: &'static str,
    pub text: String,
}

const ORDER: &str = "order unfinished";
const PAYMENT: &str = "payment disagrees";
const REFUND: &str = "refund disagrees";
const LEDGER: &str = "ledger disagrees";
const RESERVATION: &str = "reservation disagrees";
const GOODS: &str = "goods disagree";
const DELIVERY: &str = "delivery disagrees";
const STRANGER: &str = "order unknown";

/// Every kind of difference. An order has at most one of each.
pub const KINDS: [&str; 8] =
    [ORDER, PAYMENT, REFUND, LEDGER, RESERVATION, GOODS, DELIVERY, STRANGER];

/// Whether nothing is left to do for an order, as far as the Store knows. One that moves may be
/// ahead of some services and behind others, which is no difference.
pub fn rests(case: &Case) -> bool {
    case.saga.goal == Goal::Done
}

/// What the services tell differently of an order that rests.
pub fn compare(case: &Case, told: &Told) -> Vec<Difference> {
    let status = case.order.status;
    let mut differences = Vec::new();
    let mut differ = |kind, text| differences.push(Difference { kind, text });
    if !status.is_terminal() {
        differ(ORDER, format!("The order is {}, and nothing is left to do.", status.as_str()));
        return differences;
    }
    let checks = [
        (PAYMENT, payment(case, told.payment.as_ref())),
        (REFUND, refund(case, told.payment.as_ref())),
        (LEDGER, ledger(case, told.payment.as_ref())),
        (RESERVATION, reservation(status, told.reservation.as_ref())),
        (GOODS, goods(case, told.reservation.as_ref())),
        (DELIVERY, delivery(status, told.delivery.as_ref())),
    ];
    for (kind, text) in checks {
        if let Some(text) = text {
            differ(kind, text);
        }
    }
    differences
}

/// An order that others know, and the Store does not. The Store writes an order down before it tells
/// anybody of it, so that none is ever on its way.
pub fn stranger(told: &Told) -> Difference {
    let knows = [
        ("the Warehouse", told.reservation.is_some()),
        ("the Bank", told.payment.is_some()),
        ("DeliveryCo", told.delivery.is_some()),
    ];
    let names = knows.into_iter().filter_map(|(name, knows)| knows.then_some(name));
    let names = names.collect::<Vec<_>>().join(" and ");
    Difference { kind: STRANGER, text: format!("Known to {names}, and not to the Store.") }
}

/// The debit: its outcome, who paid how much, and under which transaction.
fn payment(case: &Case, told: Option<&PaymentView>) -> Option<String> {
    let payment = &case.payment;
    let expected = match payment.status {
        PaymentStatus::None => None,
        PaymentStatus::Declined => Some(PaymentOutcome::Declined),
        PaymentStatus::Voided => Some(PaymentOutcome::Voided),
        _ => Some(PaymentOutcome::Debited),
    };
    let outcome = told.map(|told| told.outcome);
    if outcome != expected {
        let bank = outcome.map_or("of no debit", crate::bank::debit::word);
        let store = payment.status.as_str();
        return Some(format!("The Store's payment is {store}, the Bank knows {bank}."));
    }
    let told = told.filter(|told| told.outcome == PaymentOutcome::Debited)?;
    if told.amount != Some(case.order.total) || told.account.as_ref() != Some(&case.order.user) {
        return Some("Store and Bank disagree about who paid how much.".into());
    }
    let transaction = told.movement.as_ref().map(|movement| &*movement.transaction_id);
    if transaction != Some(&*payment.transaction_id) {
        return Some("Store and Bank name different transactions for the debit.".into());
    }
    None
}

fn refund(case: &Case, told: Option<&PaymentView>) -> Option<String> {
    let payment = &case.payment;
    let store = payment.status.as_str();
    let refund = told.and_then(|told| told.refund.as_ref());
    match (payment.status, refund) {
        (PaymentStatus::Refunded, None) => {
            Some(format!("The Store's payment is {store}, the Bank has made no refund."))
        }
        (PaymentStatus::Refunded, Some(refund)) if refund.amount != case.order.total => {
            Some(format!("{} was paid, {} came back.", case.order.total, refund.amount))
        }
        (PaymentStatus::Refunded, Some(refund))
            if refund.movement.transaction_id != payment.refund_id =>
        {
            Some("Store and Bank name different transactions for the refund.".into())
        }
        (PaymentStatus::Refunded, Some(_)) | (_, None) => None,
        (_, Some(refund)) => Some(format!(
            "The Store's payment is {store}, the Bank has refunded {}.",
            refund.amount
        )),
    }
}

/// Whether the ledger holds what the Bank's own debit and refund say.
fn ledger(case: &Case, told: Option<&PaymentView>) -> Option<String> {
    let told = told?;
    let total = case.order.total.minor;
    let posted = |what: &str, movement: &Movement, expected: i64| {
        if movement.sum != 0 {
            return Some(format!("The entries of the {what} do not balance."));
        }
        (movement.posted != expected)
            .then(|| format!("The ledger does not hold the {what} of {}.", case.order.total))
    };
    let debit = told.movement.as_ref().and_then(|movement| posted("debit", movement, -total));
    let refund = told.refund.as_ref();
    debit.or_else(|| refund.and_then(|refund| posted("refund", &refund.movement, total)))
}

/// What left a warehouse is COMMITTED; all else is given back, or never was.
fn reservation(status: OrderStatus, told: Option<&ReservationView>) -> Option<String> {
    let state = told.map(|told| told.state);
    let agrees = match status {
        OrderStatus::Delivered | OrderStatus::Lost => state == Some(State::Committed),
        _ => matches!(state, None | Some(State::Released | State::Returned)),
    };
    let state = state.map_or("ABSENT", State::as_str);
    (!agrees).then(|| format!("The order is {}, its reservation {state}.", status.as_str()))
}

/// What was reserved is what was ordered. A tombstone reserved nothing.
fn goods(case: &Case, told: Option<&ReservationView>) -> Option<String> {
    let told = told.filter(|told| told.state == State::Committed || !told.lines.is_empty())?;
    let mut reserved: BTreeMap<&str, i64> = BTreeMap::new();
    for line in &told.lines {
        *reserved.entry(line.sku.as_str()).or_default() += line.quantity;
    }
    let ordered: BTreeMap<&str, i64> =
        case.lines.iter().map(|line| (line.sku.as_str(), line.quantity)).collect();
    let words = |goods: &BTreeMap<&str, i64>| {
        let goods: Vec<_> = goods.iter().map(|(sku, count)| format!("{count} {sku}")).collect();
        if goods.is_empty() { "nothing".to_owned() } else { goods.join(", ") }
    };
    (reserved != ordered)
        .then(|| format!("Ordered: {}; reserved: {}.", words(&ordered), words(&reserved)))
}

/// A parcel that was found before the Store heard of its loss arrived like any other.
fn delivery(status: OrderStatus, told: Option<&Delivery>) -> Option<String> {
    let parcel = told.map(|told| told.status);
    let found = told.is_some_and(|told| told.found_at.is_some());
    let agrees = match status {
        OrderStatus::Delivered => parcel == Some(DeliveryStatus::Delivered) || found,
        OrderStatus::Lost => parcel == Some(DeliveryStatus::Lost),
        _ => matches!(parcel, None | Some(DeliveryStatus::Cancelled)),
    };
    let parcel = parcel.map_or("ABSENT", DeliveryStatus::as_str);
    (!agrees).then(|| format!("The order is {}, its delivery {parcel}.", status.as_str()))
}
