//! Queues of a test's own on RabbitMQ, and taking them away again.

use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use stormproof_bindings::queue::RabbitMq;
use stormproof_ports::topology::Topology;
use tokio::time::timeout;

use super::{aside, or_skip, shared};

/// Where RabbitMQ is. `None`, with the reason told, if there is none.
///
/// # Panics
/// If there is none though one is required.
pub fn url() -> Option<String> {
    or_skip("queues", shared::rabbitmq()).map(|rabbit| rabbit.url.clone())
}

/// Whether the server lets us in. Errors: it does not, and why.
pub fn answers(url: &str) -> Result<(), String> {
    aside(async || {
        let connect = Connection::connect(url, ConnectionProperties::default());
        match timeout(Duration::from_secs(5), connect).await {
            Ok(connected) => connected.map(drop).map_err(|error| error.to_string()),
            Err(_) => Err("no answer within 5 s".to_owned()),
        }
    })
}

/// A name that no other test and no other run has.
pub fn owner(test: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.expect("it is after 1970").as_nanos();
    format!("stormproof-test-{test}-{}-{nanos}", std::process::id())
}

/// Queues and exchanges that are declared now and deleted in the end, however the test ends.
pub struct Declared {
    url: String,
    topology: Topology,
}

impl Declared {
    pub async fn new(url: &str, topology: Topology) -> Declared {
        let rabbit = RabbitMq::open(url, "servers").expect("the address is one");
        rabbit.declare(&topology).await.expect("the names are new");
        Declared { url: url.to_owned(), topology }
    }

    async fn delete(&self) {
        let connection = Connection::connect(&self.url, ConnectionProperties::default());
        let connection = connection.await.expect("it answered before");
        let channel = connection.create_channel().await.expect("it is connected");
        for queue in &self.topology.queues {
            let options = QueueDeleteOptions::default();
            let deleted = channel.queue_delete(queue.name.as_str().into(), options).await;
            deleted.expect("the queue is ours");
        }
        for exchange in &self.topology.exchanges {
            let options = ExchangeDeleteOptions::default();
            let deleted = channel.exchange_delete(exchange.as_str().into(), options).await;
            deleted.expect("the exchange is ours");
        }
    }
}

impl Drop for Declared {
    fn drop(&mut self) {
        aside(async || self.delete().await);
    }
}
