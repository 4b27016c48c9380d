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

use stormproof_ports::worker::Worker;

use crate::context::Context;
use crate::{retention, unreadable};

pub use controller::{endpoints, router};

/// Debits by queue, the relay for their answers, and who forgets both.
pub fn workers(context: &Context) -> Vec<Worker> {
    vec![consumer::worker(context), unreadable::relay(context), retention::janitor(context, vec![])]
}
