//! HTTP over the simulated network: connections, and the servers at their ends. Clients are in
//! `ports/http.rs`.

pub(super) mod connection;
pub(super) mod door;
pub(super) mod server;
