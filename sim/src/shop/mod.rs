//! The shop's side of the simulator: who buys, what goes wrong, what must hold.
//!
//! Scenarios, people, the truth and its judges know no world: an
//! [`Environment`](environment::Environment) is all they ask for, and through which [phases] they go
//! is the same in every one. [`simulate()`] runs one scenario under one seed in the seeded world,
//! through storm, calm and the last judgement.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are cents: 42_00 reads as 42.00")]

mod client;
pub mod client_history;
pub mod customers;
pub mod environment;
#[cfg(feature = "world")]
mod fair_weather;
#[cfg(feature = "world")]
mod final_state;
pub mod invariants;
pub mod judge;
pub mod moments;
pub mod operators;
pub mod phases;
#[cfg(feature = "world")]
mod quiescence;
pub mod scenario;
pub mod secrets;
pub mod service_settings;
#[cfg(feature = "world")]
pub mod shrink;
#[cfg(feature = "world")]
mod simulate;
pub mod sometimes;
#[cfg(feature = "world")]
pub mod swarm;
#[cfg(feature = "world")]
pub mod sweep;
#[cfg(feature = "world")]
mod system;
#[cfg(all(test, feature = "world"))]
mod tests;
pub mod topology;
pub mod truth;
#[cfg(feature = "world")]
mod world_spec;

#[cfg(feature = "world")]
pub use crate::explore::{Options, ZERO};
#[cfg(feature = "world")]
pub use simulate::{simulate, simulate_with};
#[cfg(feature = "world")]
pub use system::Shop;
