//! RabbitMQ for tests: whether there is one, queues of a test's own, and taking them away again.

use std::env;
use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use stormproof::ports::queue::RabbitMq;
use stormproof_system::topology::Topology;
use tokio::runtime::Runtime;
use tokio::time::timeout;

const DEFAULT_URL: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";

/// Where RabbitMQ is: `STORMPROOF_AMQP_URL`, or the default port of this machine. `None`, with the
/// reason printed, if nobody answers there.
///
/// # Panics
/// If nobody answers and `STORMPROOF_REQUIRE_REAL` is 1.
pub async fn url() -> Option<String> {
    let url = env::var("STORMPROOF_AMQP_URL").unwrap_or_else(|_| DEFAULT_URL.to_owned());
    let connect = Connection::connect(&url, ConnectionProperties::default());
    let why = match timeout(Duration::from_secs(5), connect).await {
        Ok(Ok(_)) => return Some(url),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer within 5 s".to_owned(),
    };
    skip(&format!("no RabbitMQ at {url}: {why}"));
    None
}

/// Says why a test is not run.
///
/// # Panics
/// If `STORMPROOF_REQUIRE_REAL` is 1.
pub fn skip(why: &str) {
    let required = env::var("STORMPROOF_REQUIRE_REAL").is_ok_and(|value| value == "1");
    assert!(!required, "required, but {why}");
    eprintln!("skipped: {why}");
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
        let rabbit = RabbitMq::new(url).expect("the address is one");
        rabbit.declare_topology(&topology).await.expect("the names are new");
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
        // A runtime cannot wait within another, and this one may be about to panic.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                Runtime::new().expect("a runtime can be started").block_on(self.delete())
            });
        });
    }
}
