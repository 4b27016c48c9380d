//! The explorer: one scenario, many seeds, every fault at every moment; the smallest scenario that
//! still breaks, and what a broken run depends on. Over any [`System`].
//!
//! `system.rs` is what a system has to say of itself and of its scenarios; `registries.rs` what there
//! is of it to list and to cover. [`swarm`] draws the faults of storms, [`sweep`] places one at every
//! moment; `shrink.rs` makes anything smaller that fails, `smaller.rs` scenarios, by [`passes`].
//! [`declared`] is for what brings no phases and no judge of its own; [`bugs`] are mistakes to plant, so
//! that the simulator can be judged too; [`cli`] is the command line:
//! `fn main() -> ExitCode { explore::cli::main(&MySystem) }`.
//!
//! It does not know what a system does, how a run works, or what is judged in it.

pub mod bugs;
pub mod cli;
pub mod declared;
pub mod passes;
pub mod registries;
pub mod shrink;
pub mod smaller;
pub mod swarm;
pub mod sweep;
mod system;
pub mod testing;

pub use stormproof_faults::document::{Document, Scenario, Size};
pub use system::{About, DocumentOf, FairWeather, Options, OwnOf, Profile, System, ZERO};
