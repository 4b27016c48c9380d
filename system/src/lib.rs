//! The shop: store, warehouse, bank, delivery and email, written once against the [`ports`].
//!
//! No runtime, no I/O, no wall clock, no entropy, no `cfg`: hosts bring those. An order's journey:
//! `store/controller` takes it in, `store/orders` writes it down with its saga, `store/sweep` drives
//! the steps of `store/saga` over `store/gateway` to [`warehouse`] and [`bank`], the [`outbox`]
//! carries messages to [`delivery`] and [`email`], and `store/consumer` hears of the parcel.

pub mod bank;
pub mod delivery;
pub mod email;
pub mod store;
pub mod warehouse;

pub mod alert;
pub mod api;
pub mod broker;
pub mod consumer;
pub mod doorbell;
pub mod error;
pub mod gateway;
pub mod id;
pub mod inbox;
pub mod messages;
pub mod money;
pub mod outbox;
pub mod ports;
pub mod retry;
pub mod service;
pub mod settings;
pub mod story;
pub mod time;
pub mod token;
pub mod topology;
pub mod trace;
pub mod transaction;
pub mod views;
pub mod web;
pub mod worker;
