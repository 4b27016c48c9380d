//! The Warehouse: what lies where, and for which order it is held.
//!
//! `controller` reads requests, `service` runs them as transactions, `reservation` says what each
//! may do, `mapper` keeps the rows. It knows orders by their id only, and speaks when asked.

mod controller;
pub mod dto;
pub mod mapper;
pub mod reservation;
mod service;

use axum::Router;
use stormproof_messaging::outbox;
use stormproof_ports::worker::Worker;

use crate::api::Endpoint;
use crate::context::Context;

/// The Warehouse's HTTP interface.
pub fn router(context: &Context) -> Router {
    controller::router(context)
}

/// What a reader has to know of it.
pub fn endpoints() -> Vec<Endpoint> {
    controller::endpoints()
}

/// The relay alone: nothing here happens by itself, but alerts have to leave.
pub fn workers(context: &Context) -> Vec<Worker> {
    vec![outbox::relay(&context.ports, context.settings.relay.clone())]
}
