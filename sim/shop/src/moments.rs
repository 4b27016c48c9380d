//! Which moments the nodes of each service pass: the registry that scenarios are checked against
//! and that exploration wants covered.
//!
//! The operations, facts and schemas are the shop's; a test holds this page to what runs pass.

use stormproof_faults::moment::{Act, Moment};
use stormproof_faults::topology::service_of;

/// What the Store asks everybody every hour, to compare. No storm is that long: the swarm aims at
/// what happens in one.
pub const VIEWS: &str = "views";

/// What a service's nodes call, commit, publish, acknowledge and mail.
pub struct Row {
    pub service: &'static str,
    pub act: Act,
    pub names: &'static [&'static str],
}

/// Every moment of an order's journey, without its side.
pub const MOMENTS: &[Row] = &[
    row(
        "store",
        Act::Call,
        &["availability", "reserve", "commit", "release", "return", "debit", "void", "refund"],
    ),
    row(
        "store",
        Act::Commit,
        &[
            "order PENDING_PAYMENT",
            "order PAID",
            "order RECEIVED",
            "order PICKED_UP",
            "order IN_TRANSIT",
            "order DELIVERED",
            "order LOST",
            "order FAILED",
            "order CANCEL_PENDING",
            "order CANCELLED",
            "payment DEBIT_INTENT",
            "payment DEBITED",
            "payment DECLINED",
            "payment VOIDED",
            "payment REFUND_DUE",
            "payment REFUNDED",
            "payment PARKED",
            "payment DEBIT_BY_QUEUE",
            "saga RESERVE_STARTED",
            "saga DEBIT_STARTED",
            "saga REPLANNED",
            "saga TAKEN_OVER",
            "saga FENCED",
            "saga REFUND_RECOVERED",
            "saga DELIVERY_REQUESTED",
            "saga CANCEL_REQUESTED",
            "saga CARRIER_AGREED",
            "saga CANCEL_REFUSED",
            "key REPLAYED",
            "inbox DUPLICATE",
            "alert RAISED",
        ],
    ),
    row(
        "store",
        Act::Publish,
        &[
            "delivery.request",
            "delivery.cancel",
            "delivery.update",
            "payment.debit",
            "payment.result",
            "email.ordersuccess",
            "email.orderfail",
            "email.refund",
            "email.lost",
            "email.support",
        ],
    ),
    row("store", Act::Ack, &["delivery.update", "payment.result"]),
    row(
        "warehouse",
        Act::Commit,
        &[
            "reservation HELD",
            "reservation COMMITTED",
            "reservation RELEASED",
            "reservation RETURNED",
            "reservation TOMBSTONE",
            "stock RECEIVED",
        ],
    ),
    row(
        "bank",
        Act::Commit,
        &[
            "debit DEBITED",
            "debit DECLINED",
            "debit VOIDED",
            "debit VOID_LOST",
            "refund REFUNDED",
            "account OPEN",
            "account FROZEN",
            "account CLOSED",
            "inbox DUPLICATE",
            "alert RAISED",
        ],
    ),
    row("bank", Act::Publish, &["payment.result", "payment.debit", "email.support"]),
    row("bank", Act::Ack, &["payment.debit"]),
    row(
        "delivery",
        Act::Commit,
        &[
            "parcel RECEIVED",
            "parcel PICKED_UP",
            "parcel IN_TRANSIT",
            "parcel DELIVERED",
            "parcel LOST",
            "parcel CANCELLED",
            "parcel FOUND",
            "parcel TOMBSTONE",
            "parcel TOMBSTONE_HIT",
            "parcel CANCEL_REFUSED",
            "parcel REPEATED",
            "inbox DUPLICATE",
            "alert RAISED",
        ],
    ),
    row(
        "delivery",
        Act::Publish,
        &["delivery.update", "delivery.request", "delivery.cancel", "email.support"],
    ),
    row("delivery", Act::Ack, &["delivery.request", "delivery.cancel"]),
    row("email", Act::Commit, &["mail SENT", "mail SKIPPED", "inbox DUPLICATE", "alert RAISED"]),
    row(
        "email",
        Act::Publish,
        &["email.ordersuccess", "email.orderfail", "email.refund", "email.lost", "email.support"],
    ),
    row(
        "email",
        Act::Ack,
        &["email.ordersuccess", "email.orderfail", "email.refund", "email.lost", "email.support"],
    ),
    row("email", Act::Mail, &["ordersuccess", "orderfail", "refund", "lost", "support"]),
];

/// What happens every hour: scenarios may aim at it, storms are too short.
pub const HOURLY: &[Row] =
    &[row("store", Act::Call, &[VIEWS]), row("store", Act::Commit, &["reconciliation DONE"])];

const fn row(service: &'static str, act: Act, names: &'static [&'static str]) -> Row {
    Row { service, act, names }
}

/// Whether nodes of `service` act at all: databases, the broker and the mail server do not.
pub fn is_author(service: &str) -> bool {
    MOMENTS.iter().any(|row| row.service == service)
}

/// Every service that acts.
pub fn authors() -> Vec<&'static str> {
    let mut authors: Vec<_> = MOMENTS.iter().map(|row| row.service).collect();
    authors.dedup();
    authors
}

/// Whether nodes of `service` ever pass `moment`.
pub fn passes(service: &str, moment: &Moment) -> bool {
    MOMENTS.iter().chain(HOURLY).any(|row| {
        row.service == service && row.act == moment.act && row.names.contains(&moment.name.as_str())
    })
}

/// The names of the acts of one kind that nodes of `service` pass.
pub fn of(service: &str, act: Act) -> Vec<&'static str> {
    let service = service_of(service);
    let rows = MOMENTS.iter().chain(HOURLY);
    let rows = rows.filter(|row| row.service == service && row.act == act);
    rows.flat_map(|row| row.names).copied().collect()
}
