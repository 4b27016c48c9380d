//! The shop: store, warehouse, bank, delivery and email, written once against `stormproof-ports`.
//!
//! No runtime, no I/O, no wall clock, no entropy, no `cfg`: hosts bring those. An order's journey:
//! `store/controller` takes it in, `store/orders` writes it down with its saga, `store/driver` drives
//! the steps of `store/saga` over `store/gateway` to [`warehouse`] and [`bank`], the outbox of
//! `stormproof-messaging` carries messages to [`delivery`] and [`email`], and `store/consumer` hears
//! of the parcel.

pub mod bank;
pub mod delivery;
pub mod email;
pub mod store;
pub mod warehouse;

pub mod alert;
pub mod api;
pub mod consumer;
pub mod context;
pub mod error;
pub mod gateway;
pub mod id;
pub mod messages;
pub mod money;
pub mod question;
pub mod retention;
pub mod service;
pub mod settings;
pub mod token;
pub mod topology;
pub mod unreadable;
pub mod views;
pub mod web;
