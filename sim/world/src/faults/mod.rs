//! How faults happen in a world: who asks whether one strikes (`injector.rs`), and what each family
//! of them does. What they are is data ([`storm`](crate::storm)).

pub(super) mod broker;
pub(super) mod database;
pub(super) mod injector;
pub(super) mod network;
mod passed;
pub(super) mod process;

pub use stormproof_faults::faults::{FOREVER, Fault, KINDS, Kind, When};
