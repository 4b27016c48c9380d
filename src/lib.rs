//! The shop on real machines: bindings of its ports, the host that runs its services, and the
//! commands of `stormproof`.

pub mod asyncapi;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dlq;
pub mod host;
pub mod load;
pub mod logging;
pub mod migrate;
pub mod openapi;
pub mod ports;
pub mod reach;
pub mod reconcile;
pub mod rehearse;
pub mod serve;
mod signals;
pub mod staff;
pub mod up;
