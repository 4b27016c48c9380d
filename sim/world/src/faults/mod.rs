//! How faults happen in a world: what the engine may ask of it (`host.rs`), and what each family of
//! faults does. What they are, and when one strikes, is [`stormproof_faults`]'s.

pub(super) mod database;
mod host;
pub(super) mod network;
pub(super) mod process;

pub(super) use host::pass;
pub use stormproof_faults::{FOREVER, Fault, FaultKind, Target, When};
