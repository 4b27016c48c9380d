//! The ports of somebody who works for the shop and only asks its services: no database, no queue
//! and no mail server of its own.

use std::sync::Arc;

use stormproof_ports::Ports;
use stormproof_ports::absent::Absent;
use stormproof_system::context::Context;

use crate::config::Config;
use stormproof_bindings::clock::SystemClock;
use stormproof_bindings::compute::ThreadPool;
use stormproof_bindings::http::HttpClient;
use stormproof_bindings::rng::SystemRng;

/// What staff do not have.
const ABSENT: Absent = Absent("staff have none");

/// Ports to ask with, under the configuration's peers.
///
/// # Errors
/// If a peer's address is none.
pub fn ports(config: &Config, name: &str) -> Result<Ports, String> {
    let http = HttpClient::new(config.peers()).map_err(|error| format!("peers: {error}"))?;
    Ok(Ports {
        node: name.into(),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        http: Arc::new(http),
        queue: Arc::new(ABSENT),
        database: Arc::new(ABSENT),
        mailer: Arc::new(ABSENT),
        compute: Arc::new(ThreadPool::new(1)),
        outbox_notify: Default::default(),
    })
}

/// The same ports, with the configuration's secrets.
///
/// # Errors
/// As [`ports`].
pub fn context(config: &Config, name: &str) -> Result<Context, String> {
    Ok(Context::new(ports(config, name)?, Arc::new(config.shop.clone())))
}
