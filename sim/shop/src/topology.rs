//! The shop's topology: which nodes there are, who talks to whom about what, and which moments the
//! nodes of each service pass. Scenarios are checked against it; storms, sweeps and rehearsals read it.
//! Who asks whom for what stands with the routes, who consumes what with the queues; a test holds the
//! rest to what runs pass.

use std::sync::LazyLock;

use stormproof_system::api::Asked;
use stormproof_system::messages::{DELIVERY_UPDATES, QUEUES, QueueRow};
use stormproof_system::service::SERVICES;

use crate::questions::NAME;
use stormproof_faults::moment::Act;
use stormproof_faults::topology::{Focus, Topology, numbered};
pub use stormproof_faults::topology::{Replicas, service_of};

/// The message broker.
pub const BROKER: &str = "broker";
/// The mail server.
pub const MAIL: &str = "mail";
/// All customers together, as one end of a link.
pub const CUSTOMERS: &str = "customer";
/// Who sets the shop up, drives the parcels and mends what is parked: the people of the shop.
pub const STAFF: &str = "staff";

/// The name of messages that no service can read.
pub const POISON: &str = "poison";

/// What staff ask to set goods and accounts up, of whichever service has them.
pub const SET_UP: &str = "set up";
/// Goods that come while the shop is open.
pub const RESTOCK: &str = "restock";
/// What staff ask of the Bank to close an account, and to open it again.
pub const SET_ACCOUNT: &str = "set account";
/// What support asks of the Store: which refunds are parked, and one of them once more.
pub const PARKED_REFUNDS: &str = "parked refunds";
/// See [`PARKED_REFUNDS`].
pub const RETRY_REFUND: &str = "retry refund";

/// The operation by which the Warehouse holds stock for an order.
pub const RESERVE: &str = "reserve";

/// What each service makes true, in its database.
const STORE_FACTS: [&str; 31] = [
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
];

const WAREHOUSE_FACTS: [&str; 6] = [
    "reservation HELD",
    "reservation COMMITTED",
    "reservation RELEASED",
    "reservation RETURNED",
    "reservation TOMBSTONE",
    "stock RECEIVED",
];

const BANK_FACTS: [&str; 10] = [
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
];

const DELIVERY_FACTS: [&str; 13] = [
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
];

const EMAIL_FACTS: [&str; 3] = ["mail SENT", "inbox DUPLICATE", "alert RAISED"];

/// What each service publishes: its own messages, and those of others that it sends on to dead letters
/// or back.
const STORE_MESSAGES: [&str; 10] = [
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
];

const BANK_MESSAGES: [&str; 3] = ["payment.result", "payment.debit", "email.support"];

const DELIVERY_MESSAGES: [&str; 4] =
    ["delivery.update", "delivery.request", "delivery.cancel", "email.support"];

const EMAIL_MESSAGES: [&str; 5] =
    ["email.ordersuccess", "email.orderfail", "email.refund", "email.lost", "email.support"];

/// The templates of mails.
pub const TEMPLATES: [&str; 5] = ["ordersuccess", "orderfail", "refund", "lost", "support"];

/// Where storms strike at calls: the shop's own as often as a customer's, the Store's most of all.
const BUSY_CALLS: [(&str, &str); 5] = [
    (CUSTOMERS, "store"),
    ("store", "warehouse"),
    ("store", "warehouse"),
    ("store", "bank"),
    ("store", "bank"),
];

static SHOP: LazyLock<Topology> = LazyLock::new(shop);

/// The shop's topology, with one node of each service and no customer yet.
pub fn of_shop() -> &'static Topology {
    &SHOP
}

fn shop() -> Topology {
    let pair = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
    let mut shop = Topology::of(SERVICES.iter().map(|service| service.name));
    shop = shop.client(STAFF).clients(CUSTOMERS);
    for service in SERVICES {
        let asked = (service.endpoints)().into_iter().filter_map(|endpoint| endpoint.asked);
        for Asked { by, operation, hourly } in asked {
            shop = match hourly {
                true => shop.hourly_call(by, service.name, operation),
                false => shop.call(by, service.name, operation),
            };
        }
    }
    for QueueRow { name, owner, binding, .. } in &QUEUES {
        let takes = binding.trim_end_matches(".#");
        // What nobody can read is taken, sent on to the dead letters, and tried again by the staff.
        shop = shop
            .queue(name, owner, takes)
            .seldom(owner, Act::Ack, [POISON])
            .seldom(owner, Act::Publish, [POISON])
            .seldom(STAFF, Act::Ack, [takes, POISON])
            .seldom(STAFF, Act::Publish, [takes, POISON]);
    }
    shop.focus = Focus {
        service: Some("store".to_owned()),
        queue: Some(DELIVERY_UPDATES.to_owned()),
        calls: BUSY_CALLS.map(pair).into(),
        seldom: [("store", "delivery"), (STAFF, "delivery"), (STAFF, "warehouse")].map(pair).into(),
    };
    shop.commits("store", STORE_FACTS)
        .commits("warehouse", WAREHOUSE_FACTS)
        .commits("bank", BANK_FACTS)
        .commits("delivery", DELIVERY_FACTS)
        .commits("email", EMAIL_FACTS)
        .seldom("store", Act::Commit, ["reconciliation DONE"])
        // Two messages of one mail come from nobody, since each alert has a mail of its own.
        .seldom("email", Act::Commit, ["mail SKIPPED"])
        .seldom(
            STAFF,
            Act::Call,
            [SET_UP, RESTOCK, SET_ACCOUNT, PARKED_REFUNDS, RETRY_REFUND, NAME],
        )
        .publishes("store", STORE_MESSAGES)
        .publishes("bank", BANK_MESSAGES)
        .publishes("delivery", DELIVERY_MESSAGES)
        .publishes("email", EMAIL_MESSAGES)
        .mails("email", TEMPLATES)
}

/// The shop's topology at this size.
pub fn of_size(replicas: &Replicas, customers: usize) -> Topology {
    of_shop().clone().with_replicas(replicas).with_clients(CUSTOMERS, customers)
}

/// Every node of the shop, at this size.
pub fn nodes(replicas: &Replicas) -> Vec<String> {
    of_shop().clone().with_replicas(replicas).nodes()
}

/// The customer with this number, from 1.
pub fn customer(number: usize) -> String {
    numbered(CUSTOMERS, number)
}

/// Whether `from` opens connections to `to`, both named as nodes or services.
pub fn calls(from: &str, to: &str) -> bool {
    of_shop().calls(from, to)
}

/// Every pair that talks, `caller -> callee`, for those who mistook one.
pub fn pairs() -> Vec<String> {
    of_shop().pairs()
}

/// The pairs whose caller connects anew now and then; connections to databases are kept.
pub fn connections() -> Vec<String> {
    of_shop().connections()
}

/// The operations that `from` asks of `to`.
pub fn operations(from: &str, to: &str) -> Vec<&'static str> {
    of_shop().operations(from, to)
}

/// Every queue that faults can be aimed at.
pub fn queues() -> Vec<&'static str> {
    of_shop().queue_names()
}

/// Every database.
pub fn databases() -> Vec<String> {
    of_shop().databases()
}

/// The service whose database this is; other names are their own.
pub fn service_of_database(database: &str) -> &str {
    of_shop().service_of_database(database)
}

/// The database of a service.
pub fn database_of(service: &str) -> String {
    format!("{service}-db")
}

/// The service that consumes `queue`.
pub fn owner_of(queue: &str) -> Option<&'static str> {
    of_shop().owner_of(queue)
}
