//! The shop on real machines: bindings of its ports, the host that runs its services, and the
//! commands of `stormproof`.

pub mod admin_client;
pub mod admin_ports;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data_folder;
pub mod databases;
pub mod host;
pub mod logging;
pub mod ports;
pub mod rehearse;
mod signals;
mod terminal;
