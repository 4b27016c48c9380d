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

use crate::api::Endpoint;
use crate::outbox;
use crate::ports::Ports;
use crate::worker::Worker;

/// The Warehouse's HTTP interface.
pub fn router(ports: &Ports) -> Router {
    controller::router(ports)
}

/// What a reader has to know of it.
pub fn endpoints() -> Vec<Endpoint> {
    controller::endpoints()
}

/// The relay alone: nothing here happens by itself, but alerts have to leave.
pub fn workers(ports: &Ports) -> Vec<Worker> {
    vec![outbox::relay(ports)]
}
