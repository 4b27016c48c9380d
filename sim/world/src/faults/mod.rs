//! How faults happen in a world: who asks whether one strikes (`injector.rs`), and what each family
//! of them does. What they are is data ([`stormproof_faults`]).

pub(super) mod broker;
pub(super) mod database;
pub(super) mod injector;
pub(super) mod network;
mod passed;
pub(super) mod process;

pub use stormproof_faults::{FOREVER, Fault, FaultKind, Target, When};
