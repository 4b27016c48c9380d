//! The shop on real machines: which bindings its ports have, the host that runs its services, and the
//! commands of `stormproof`. The bindings themselves are `stormproof-bindings` (`src/ports/`).

pub mod admin_client;
pub mod admin_ports;
pub mod brokers;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data_folder;
pub mod databases;
pub mod host;
pub mod logging;
pub mod rehearse;
mod signals;
mod terminal;
