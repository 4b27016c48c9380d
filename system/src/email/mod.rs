//! Email: turns what the other services have to say into mails, once each.
//!
//! `consumer` hears what is to be mailed, `letter` says what a mail needs, `templates` write it,
//! and `service` claims, sends and notes it. What is worth a mail, and whom it reaches, is the
//! senders' business. `controller` shows what was sent (the mailbox page's data).

mod consumer;
mod controller;
mod date;
pub mod dto;
pub mod letter;
pub mod mapper;
mod service;
mod templates;

use axum::Router;

use crate::api::Endpoint;
use crate::messages::{Lost, OrderFail, OrderSuccess, Refund, Support};
use crate::outbox;
use crate::ports::Ports;
use crate::worker::Worker;

/// Email's HTTP API.
pub fn router(ports: &Ports) -> Router {
    controller::router(ports)
}

/// What a reader has to know of it.
pub fn endpoints() -> Vec<Endpoint> {
    controller::endpoints()
}

/// Email's background activities.
pub fn workers(ports: &Ports) -> Vec<Worker> {
    vec![
        consumer::worker::<OrderSuccess>(ports),
        consumer::worker::<OrderFail>(ports),
        consumer::worker::<Refund>(ports),
        consumer::worker::<Lost>(ports),
        consumer::worker::<Support>(ports),
        outbox::relay(ports),
    ]
}
