//! The shop in the seeded world: simulated nodes, network, broker and disks for its five services,
//! with faults to fail them and invariants to judge them.
//!
//! [`simulate()`] runs one scenario under one seed, through storm, calm and the last judgement. What
//! happens and what must hold is told by `stormproof-shop`, which knows no world; what goes wrong by
//! `stormproof-faults`; [`Shop`] is what `stormproof-explore` explores.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are cents: 42_00 reads as 42.00")]

mod fair_weather;
mod final_state;
pub mod load;
mod seeded;
pub mod shrink;
mod simulate;
pub mod swarm;
#[cfg(test)]
mod sweep_tests;
mod system;
#[cfg(test)]
mod tests;
mod world_spec;

pub use simulate::{simulate, simulate_with};
pub use stormproof_explore::{Options, ZERO};
pub use system::Shop;
