//! The ports of somebody who works for the shop and only asks its services: no database, no queue
//! and no mail server of its own.

use std::sync::Arc;

use stormproof_ports::Ports;
use stormproof_ports::absent::Absent;
use stormproof_system::context::Context;

use crate::config::Config;
use stormproof_bindings::http::HttpClient;

/// What staff do not have.
const ABSENT: Absent = Absent("staff have none");

/// Ports to ask with, under the configuration's peers.
///
/// # Errors
/// If a peer's address is none.
pub fn ports(config: &Config, name: &str) -> Result<Ports, String> {
    let http = HttpClient::new(config.peers()).map_err(|error| format!("peers: {error}"))?;
    let absent = stormproof_bindings::ports(name, Arc::new(ABSENT), Arc::new(ABSENT));
    Ok(Ports { http: Arc::new(http), ..absent })
}

/// The same ports, with the configuration's secrets.
///
/// # Errors
/// As [`ports`].
pub fn context(config: &Config, name: &str) -> Result<Context, String> {
    Ok(Context::new(ports(config, name)?, Arc::new(config.shop.clone())))
}
