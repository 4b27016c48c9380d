//! DeliveryCo: carries an order's goods to the customer, and says where they are.
//!
//! `consumer` hears the Store's requests and cancels, `service` decides them by the machine of
//! [`parcel`], `scheduler.rs` moves parcels along as time passes, and the outbox carries every change
//! to the Store. Money and stock are the Store's business. `controller` answers questions, and
//! takes in what drivers report.

mod consumer;
mod controller;
pub mod dto;
pub mod mapper;
pub mod parcel;
mod scheduler;
mod service;

use stormproof_ports::worker::Worker;

use crate::context::Context;
use crate::{retention, unreadable};

pub use controller::{endpoints, router};

/// DeliveryCo's background activities.
pub fn workers(context: &Context) -> Vec<Worker> {
    vec![
        consumer::requests(context),
        consumer::cancels(context),
        scheduler::worker(context),
        unreadable::relay(context),
        retention::janitor(context, vec![]),
    ]
}
