//! The Warehouse: what lies where, and for which order it is held.
//!
//! `controller` reads requests, `service` runs them as transactions, `reservation` says what each
//! may do, `mapper` keeps the rows. It knows orders by their id only, and speaks when asked.

mod controller;
pub mod dto;
pub mod mapper;
pub mod reservation;
mod service;

use stormproof_ports::worker::Worker;

use crate::context::Context;
use crate::{retention, unreadable};

pub use controller::{endpoints, router};

/// Nothing here happens by itself, but alerts have to leave, and what is old to be forgotten.
pub fn workers(context: &Context) -> Vec<Worker> {
    vec![unreadable::relay(context), retention::janitor(context, vec![])]
}
