//! DeliveryCo: carries an order's goods to the customer, and says where they are.
//!
//! `consumer` hears the Store's requests and cancels, `service` decides them by the machine of
//! [`parcel`], [`rounds`] moves parcels along as time passes, and the outbox carries every change
//! to the Store. Money and stock are the Store's business. `controller` answers questions, and
//! takes in what drivers report.

mod consumer;
mod controller;
pub mod dto;
pub mod mapper;
pub mod parcel;
mod rounds;
mod service;

use axum::Router;

use crate::api::Endpoint;
use crate::outbox;
use crate::ports::Ports;
use crate::worker::Worker;

/// DeliveryCo's HTTP API.
pub fn router(ports: &Ports) -> Router {
    controller::router(ports)
}

/// What a reader has to know of it.
pub fn endpoints() -> Vec<Endpoint> {
    controller::endpoints()
}

/// DeliveryCo's background activities.
pub fn workers(ports: &Ports) -> Vec<Worker> {
    vec![
        consumer::requests(ports),
        consumer::cancels(ports),
        rounds::worker(ports),
        outbox::relay(ports),
    ]
}
