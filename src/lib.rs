//! Bindings of the shop's ports to real machines.

pub mod ports;
