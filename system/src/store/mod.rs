//! The Store: customers log in, order, cancel and watch; the saga drives every order over the other
//! services. It alone knows an order's whole story; it never touches stock, money or parcels.

pub mod accounts;
pub mod allocation;
pub mod catalogue;
pub mod consumer;
pub mod controller;
pub mod driver;
pub mod dto;
pub mod gateway;
pub mod mapper;
pub mod notify;
pub mod order;
pub mod orders;
pub mod payment;
pub mod reconciliation;
pub mod saga;
pub mod support;

use stormproof_messaging::janitor::Kept;
use stormproof_ports::worker::Worker;

use crate::context::Context;
use crate::{retention, unreadable};
use mapper::idempotency;

pub use controller::{endpoints, router};

/// The Store's background work.
pub fn workers(context: &Context) -> Vec<Worker> {
    let keys = Kept { rows: &idempotency::KEYS, at_least: context.settings.retention.keys };
    let mut workers = consumer::workers(context);
    workers.extend([
        driver::worker(context),
        unreadable::relay(context),
        reconciliation::worker(context),
        retention::janitor(context, vec![keys]),
    ]);
    workers
}
