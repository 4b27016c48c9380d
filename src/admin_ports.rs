//! The ports of somebody who works for the shop and only asks its services: no database, no queue
//! and no mail server of its own.

use std::sync::Arc;

use futures::future::BoxFuture;
use stormproof_ports::notify::Notify;
use stormproof_ports::{
    CallError, Database, DatabaseError, Mail, Mailer, Message, Ports, PublishError, Queue,
    QueueLost, Session, Subscription,
};
use stormproof_system::context::Context;

use crate::config::Config;
use stormproof_bindings::clock::SystemClock;
use stormproof_bindings::compute::ThreadPool;
use stormproof_bindings::http::HttpClient;
use stormproof_bindings::rng::SystemRng;

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
        queue: Arc::new(Absent),
        database: Arc::new(Absent),
        mailer: Arc::new(Absent),
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

/// What staff do not have.
struct Absent;

const WHY: &str = "staff have none";

impl Database for Absent {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Session>, DatabaseError>> {
        Box::pin(async { Err(DatabaseError::Unavailable(WHY.into())) })
    }
}

impl Queue for Absent {
    fn publish(&self, _: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async { Err(PublishError::Unknown(WHY.into())) })
    }

    fn subscribe<'a>(
        &'a self,
        _: &'a str,
        _: u16,
        _: Notify,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>> {
        Box::pin(async { Err(QueueLost(WHY.into())) })
    }
}

impl Mailer for Absent {
    fn send(&self, _: Mail) -> BoxFuture<'_, Result<(), CallError>> {
        Box::pin(async { Err(CallError::Unavailable(WHY.into())) })
    }
}
