//! The shop's map: which nodes there are, and who talks to whom about what.
//!
//! A fault that is aimed at nobody cannot fire; this page is what scenarios are checked against.

use std::collections::BTreeMap;

use stormproof_system::messages::QUEUES;
use stormproof_system::service::SERVICES;

/// How many nodes each service has; a service that is not named has one.
pub type Replicas = BTreeMap<String, u32>;

/// The message broker.
pub const BROKER: &str = "broker";
/// The mail server.
pub const MAIL: &str = "mail";
/// All customers together, as one end of a link.
pub const CUSTOMERS: &str = "customer";
/// Who sets the shop up, drives the parcels and mends what is parked: the people of the shop.
pub const STAFF: &str = "staff";

/// What the Store asks everybody every hour, to compare. No storm is that long: the swarm aims at
/// what happens in one.
pub const VIEWS: &str = "views";
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

/// Every node that can crash, stop, stand still or be slow. A service's name stands for all its
/// replicas; where there is one, its number may be said or left out.
pub fn nodes(replicas: &Replicas) -> Vec<String> {
    let mut nodes = Vec::new();
    for service in SERVICES {
        nodes.push(service.name.to_owned());
        let count = replicas.get(service.name).copied().unwrap_or(1);
        nodes.extend((1..=count).map(|number| format!("{}-{number}", service.name)));
    }
    nodes.extend(databases());
    nodes.extend([BROKER, MAIL].map(str::to_owned));
    nodes
}

/// The customer with this number, from 1.
pub fn customer(number: usize) -> String {
    format!("{CUSTOMERS}-{number}")
}

/// The service of `node`: `store` for `store-2`; other nodes are their own.
pub fn service_of(node: &str) -> &str {
    match node.rsplit_once('-') {
        Some((service, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => service,
        _ => node,
    }
}

/// Whether `from` opens connections to `to`, both named as nodes or services.
pub fn calls(from: &str, to: &str) -> bool {
    let (from, to) = (service_of(from), service_of(to));
    let is_service = |name: &str| SERVICES.iter().any(|service| service.name == name);
    CALLS.iter().any(|(caller, callee, _)| *caller == from && *callee == to)
        || (is_service(from) && to == BROKER)
        || (is_service(from) && service_of_database(to) == from && to != from)
        || (from == "email" && to == MAIL)
}

/// Every pair that talks, `caller -> callee`, for those who mistook one.
pub fn pairs() -> Vec<String> {
    let mut pairs: Vec<String> =
        CALLS.iter().map(|(from, to, _)| format!("{from} -> {to}")).collect();
    pairs.dedup();
    for service in SERVICES {
        pairs.push(format!("{} -> {}", service.name, database_of(service.name)));
        pairs.push(format!("{} -> {BROKER}", service.name));
    }
    pairs.push(format!("email -> {MAIL}"));
    pairs
}

/// The pairs whose caller connects anew now and then; connections to databases are kept.
pub fn connections() -> Vec<String> {
    let databases = databases();
    pairs().into_iter().filter(|pair| !databases.iter().any(|name| pair.ends_with(name))).collect()
}

/// The operations that `from` asks of `to`.
pub fn operations(from: &str, to: &str) -> Vec<&'static str> {
    let (from, to) = (service_of(from), service_of(to));
    let fits = CALLS.iter().filter(|(caller, callee, _)| *caller == from && *callee == to);
    fits.map(|(_, _, operation)| *operation).collect()
}

/// Every queue that faults can be aimed at.
pub fn queues() -> Vec<&'static str> {
    QUEUES.iter().map(|queue| queue.name).collect()
}

/// Every database.
pub fn databases() -> Vec<String> {
    SERVICES.iter().map(|service| database_of(service.name)).collect()
}

/// The service whose database this is; other names are their own.
pub fn service_of_database(database: &str) -> &str {
    database.strip_suffix("-db").unwrap_or(database)
}

/// The database of a service.
pub fn database_of(service: &str) -> String {
    format!("{service}-db")
}

/// The service that consumes `queue`.
pub fn owner_of(queue: &str) -> Option<&'static str> {
    QUEUES.iter().find(|row| row.name == queue).map(|row| row.owner)
}
