//! Messages through RabbitMQ: connections that come back by themselves, confirmed publishes in
//! batches, one channel a subscription.
//!
//! Publishing and consuming have a connection each: RabbitMQ blocks connections that publish when it
//! runs out of memory or disk, and acknowledgements must not wait behind that. What the shop declares
//! is the system's (`topology`); when to try a publish or a subscription again is the caller's.

mod batch;
mod dead_letters;
mod declare;
mod envelope;
pub(super) mod inbox;
mod line;
mod names;
mod operator;
mod publisher;
mod subscription;

use std::time::Duration;

use futures::future::BoxFuture;
use lapin::uri::AMQPUri;
use stormproof_system::doorbell::Doorbell;
use stormproof_system::ports::{Message, PublishError, Queue, QueueLost, Subscription};
use stormproof_system::topology::{self, Topology};
use tokio::time::timeout;

pub use declare::DeclareError;
use line::Line;
use names::Names;
use publisher::Publisher;

/// How long a publish waits for its confirm, connecting and a blocked connection included.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// How long subscribing, declaring and asking wait for the broker.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The way to RabbitMQ. Dropping it ends its connections.
pub struct RabbitMq {
    publisher: Publisher,
    consuming: Line,
    names: Names,
}

/// An address that is no AMQP URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an AMQP address (amqp://user:password@host:5672/vhost): {0}")]
pub struct BadAddress(String);

impl RabbitMq {
    /// Starts to connect, and to reconnect whenever a connection is lost; call it within a tokio
    /// runtime. `url` is like `amqp://user:password@host:5672/vhost`, where the default vhost `/` is
    /// written `%2f` or left out together with its slash.
    pub fn new(url: &str) -> Result<RabbitMq, BadAddress> {
        let uri: AMQPUri = url.parse().map_err(BadAddress)?;
        let publishing = Line::start(uri.clone(), "stormproof publishing");
        Ok(RabbitMq {
            publisher: Publisher::start(publishing),
            consuming: Line::start(uri, "stormproof consuming"),
            names: Names::default(),
        })
    }

    /// With `prefix` before the names of all exchanges and queues at the broker, so that several
    /// shops can share a virtual host.
    #[must_use]
    pub fn under(self, prefix: &str) -> RabbitMq {
        RabbitMq { names: Names::under(prefix), ..self }
    }

    /// Declares the shop's exchanges, queues and bindings. Repeat it as often as you like.
    pub async fn declare(&self) -> Result<(), DeclareError> {
        self.declare_topology(&topology::of_shop()).await
    }

    /// Declares any exchanges, queues and bindings.
    pub async fn declare_topology(&self, topology: &Topology) -> Result<(), DeclareError> {
        declare::declare(&self.consuming, &self.names.topology(topology)).await
    }

    /// Asks the broker for a sign of life on both connections.
    pub async fn ping(&self) -> Result<(), QueueLost> {
        let lines = [self.publisher.line(), &self.consuming];
        let asked = lines.map(|line| async {
            line.up().await?.create_channel().await.map_err(|error| lost(&error)).map(drop)
        });
        let both = futures::future::try_join_all(asked);
        timeout(ANSWER_TIMEOUT, both).await.map_err(|_| no_answer())?.map(drop)
    }
}

impl Queue for RabbitMq {
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(self.publisher.publish(self.names.sent(message)))
    }

    fn subscribe<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        bell: Doorbell,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>> {
        Box::pin(async move {
            let subscribed =
                subscription::subscribe(&self.consuming, &self.names, queue, prefetch, bell);
            let subscribed = timeout(ANSWER_TIMEOUT, subscribed).await;
            Ok(Box::new(subscribed.map_err(|_| no_answer())??) as _)
        })
    }
}

fn lost(error: &lapin::Error) -> QueueLost {
    QueueLost(error.to_string())
}

fn no_answer() -> QueueLost {
    QueueLost(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))
}
