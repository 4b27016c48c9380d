//! The shop's side of the simulator: who buys, what goes wrong, what must hold.
//!
//! Scenarios, people, the truth and its judges know no world: a [`Scene`](scene::Scene) is all they
//! ask for; through which [phases] they go is the same on every one. [`simulate()`] plays one scenario under one seed in the seeded world, through storm, calm
//! and reckoning.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are cents: 42_00 reads as 42.00")]

mod client;
pub mod customers;
#[cfg(feature = "world")]
mod ending;
pub mod invariants;
pub mod judge;
pub mod map;
pub mod moments;
pub mod phases;
pub mod promises;
pub mod scenario;
pub mod scene;
pub mod secrets;
#[cfg(feature = "world")]
mod setting;
pub mod settings;
#[cfg(feature = "world")]
pub mod shrink;
#[cfg(feature = "world")]
mod simulate;
pub mod sometimes;
pub mod staff;
#[cfg(feature = "world")]
pub mod swarm;
#[cfg(feature = "world")]
pub mod sweep;
#[cfg(all(test, feature = "world"))]
mod tests;
pub mod truth;

#[cfg(feature = "world")]
pub use setting::ZERO;
#[cfg(feature = "world")]
pub use simulate::{Options, simulate, simulate_reseeded, simulate_with};
