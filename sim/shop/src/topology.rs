//! The shop's topology: which nodes there are, and who talks to whom about what.

use std::sync::LazyLock;

use stormproof_system::messages::{DELIVERY_UPDATES, QUEUES, QueueRow};
use stormproof_system::service::SERVICES;

pub use crate::moments::VIEWS;
use crate::moments::{HOURLY, MOMENTS, Row};
use stormproof_faults::topology::{
    Client, Focus, InjectionPoint, Operation, Queue, Service, Topology,
};
pub use stormproof_faults::topology::{Replicas, service_of};

/// The message broker.
pub const BROKER: &str = "broker";
/// The mail server.
pub const MAIL: &str = "mail";
/// All customers together, as one end of a link.
pub const CUSTOMERS: &str = "customer";
/// Who sets the shop up, drives the parcels and mends what is parked: the people of the shop.
pub const STAFF: &str = "staff";

/// The operation by which the Warehouse holds stock for an order.
pub const RESERVE: &str = "reserve";

/// Every operation that travels by HTTP: (caller, callee, operation).
pub const CALLS: [(&str, &str, &str); 20] = [
    (CUSTOMERS, "store", "register"),
    (CUSTOMERS, "store", "login"),
    (CUSTOMERS, "store", "products"),
    (CUSTOMERS, "store", "order"),
    (CUSTOMERS, "store", "cancel"),
    (CUSTOMERS, "store", "look"),
    (CUSTOMERS, "store", "timeline"),
    ("store", "warehouse", "availability"),
    ("store", "warehouse", RESERVE),
    ("store", "warehouse", "commit"),
    ("store", "warehouse", "release"),
    ("store", "warehouse", "return"),
    ("store", "warehouse", VIEWS),
    ("store", "bank", "debit"),
    ("store", "bank", "void"),
    ("store", "bank", "refund"),
    ("store", "bank", VIEWS),
    ("store", "delivery", VIEWS),
    (STAFF, "delivery", "report lost"),
    (STAFF, "delivery", "report found"),
];

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
    let service = |name: &str| Service {
        name: name.to_owned(),
        replicas: 1,
        database: Some(database_of(name)),
        mails: name == "email",
    };
    let queue = |row: &QueueRow| Queue {
        name: row.name.to_owned(),
        owner: row.owner.to_owned(),
        takes: row.binding.trim_end_matches(".#").to_owned(),
    };
    let pair = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
    let operations = CALLS.iter().map(|(caller, callee, name)| Operation {
        caller: (*caller).to_owned(),
        callee: (*callee).to_owned(),
        name: (*name).to_owned(),
    });
    let often = MOMENTS.iter().map(|row| point(row, false));
    let hourly = HOURLY.iter().map(|row| point(row, true));
    Topology {
        services: SERVICES.iter().map(|it| service(it.name)).collect(),
        clients: vec![
            Client { name: STAFF.to_owned(), count: None },
            Client { name: CUSTOMERS.to_owned(), count: Some(0) },
        ],
        broker: Some(BROKER.to_owned()),
        mail: Some(MAIL.to_owned()),
        operations: operations.collect(),
        queues: QUEUES.iter().map(queue).collect(),
        points: often.chain(hourly).collect(),
        focus: Focus {
            service: Some("store".to_owned()),
            queue: Some(DELIVERY_UPDATES.to_owned()),
            calls: BUSY_CALLS.map(pair).into(),
            seldom: [("store", "delivery"), (STAFF, "delivery")].map(pair).into(),
        },
    }
}

fn point(row: &Row, seldom: bool) -> InjectionPoint {
    let names = row.names.iter().map(|name| (*name).to_owned()).collect();
    InjectionPoint { service: row.service.to_owned(), act: row.act, names, seldom }
}

/// Every node of the shop, at this size.
pub fn nodes(replicas: &Replicas) -> Vec<String> {
    of_shop().clone().with_replicas(replicas).nodes()
}

/// The customer with this number, from 1.
pub fn customer(number: usize) -> String {
    format!("{CUSTOMERS}-{number}")
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
