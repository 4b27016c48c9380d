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

use stormproof_ports::worker::Worker;

use crate::context::Context;
use crate::messages::{Lost, OrderFail, OrderSuccess, Refund, Support};
use crate::{retention, unreadable};

pub use controller::{endpoints, router};

/// Email's background activities.
pub fn workers(context: &Context) -> Vec<Worker> {
    vec![
        consumer::worker::<OrderSuccess>(context),
        consumer::worker::<OrderFail>(context),
        consumer::worker::<Refund>(context),
        consumer::worker::<Lost>(context),
        consumer::worker::<Support>(context),
        unreadable::relay(context),
        retention::janitor(context, vec![]),
    ]
}
