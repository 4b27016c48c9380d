//! The Bank: accounts, debits, refunds, and a ledger whose sum never changes.
//!
//! `controller` and `consumer` are the two roads in; `service` moves money and `teller` opens
//! accounts, as transactions; `account`, `debit`, `refund` and `ledger` say what may happen;
//! `mapper` keeps the rows. It knows nothing of goods, and of orders only their ids.

pub mod account;
mod consumer;
mod controller;
pub mod debit;
pub mod dto;
pub mod ledger;
pub mod mapper;
pub mod refund;
mod service;
mod teller;

use axum::Router;

use crate::api::Endpoint;
use crate::outbox;
use crate::ports::Ports;
use crate::worker::Worker;

/// The Bank's HTTP interface.
pub fn router(ports: &Ports) -> Router {
    controller::router(ports)
}

/// What a reader has to know of it.
pub fn endpoints() -> Vec<Endpoint> {
    controller::endpoints()
}

/// Debits by queue, and the relay for their answers.
pub fn workers(ports: &Ports) -> Vec<Worker> {
    vec![consumer::worker(ports), outbox::relay(ports)]
}
