//! The shop's side of a run: who buys, what goes wrong, what must hold.
//!
//! Scenarios, people, the truth and its judges know no world: an
//! [`Environment`](environment::Environment) is all they ask for, and through which [phases] they go
//! is the same in every one. The seeded world is one, real machines are another.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are cents: 42_00 reads as 42.00")]

mod client;
pub mod client_history;
pub mod customers;
mod disturbances;
pub mod environment;
pub mod html;
pub mod invariants;
pub mod judge;
pub mod load;
pub mod operators;
pub mod phases;
pub mod questions;
pub mod reconciliation;
pub mod scenario;
pub mod secrets;
pub mod service_settings;
pub mod sometimes;
pub mod topology;
pub mod truth;
mod value_ranges;
