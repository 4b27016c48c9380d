//! The way to RabbitMQ: its two connections, and what the queue port asks of them.

use futures::future::BoxFuture;
use lapin::uri::AMQPUri;
use stormproof_ports::notify::Notify;
use stormproof_ports::topology::Topology;
use stormproof_ports::{Message, PublishError, Queue, QueueLost, Subscription};
use tokio::time::timeout;

use super::answer::{ANSWER_TIMEOUT, lost, no_answer};
use super::connection::KeptConnection;
use super::declare::{self, DeclareError};
use super::names::Names;
use super::publisher::Publisher;
use super::subscription;
use crate::dead_letters::DeadLetterQueues;

/// The way to RabbitMQ. Dropping it ends its connections.
pub struct RabbitMq {
    pub(super) publisher: Publisher,
    pub(super) consuming: KeptConnection,
    pub(super) names: Names,
    pub(super) dead_letters: DeadLetterQueues,
}

/// An address that is no AMQP URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an AMQP address (amqp://user:password@host:5672/vhost): {0}")]
pub struct BadAddress(String);

impl RabbitMq {
    /// Starts to connect, and to reconnect whenever a connection is lost; call it within a tokio
    /// runtime. `url` is like `amqp://user:password@host:5672/vhost`, where the default vhost `/` is
    /// written `%2f` or left out together with its slash; `?heartbeat=30` sets after how many seconds
    /// of silence the other side is given up, 10 if not told. `application` names the connections in
    /// the broker's lists.
    ///
    /// # Errors
    /// If `url` is no such address. Whether anybody answers there shows with the first question.
    pub fn open(url: &str, application: &str) -> Result<RabbitMq, BadAddress> {
        let uri: AMQPUri = url.parse().map_err(BadAddress)?;
        let publishing = KeptConnection::start(uri.clone(), format!("{application} publishing"));
        Ok(RabbitMq {
            publisher: Publisher::start(publishing),
            consuming: KeptConnection::start(uri, format!("{application} consuming")),
            names: Names::default(),
            dead_letters: DeadLetterQueues::default(),
        })
    }

    /// With `prefix` before the names of all exchanges and queues at the broker, so that several
    /// applications can share a virtual host.
    #[must_use]
    pub fn under(self, prefix: &str) -> RabbitMq {
        RabbitMq { names: Names::under(prefix), ..self }
    }

    /// With these queues of dead letters, for [`DeadLetters`](crate::dead_letters::DeadLetters); none
    /// if not told.
    #[must_use]
    pub fn with_dead_letters(self, dead_letters: DeadLetterQueues) -> RabbitMq {
        RabbitMq { dead_letters, ..self }
    }

    /// Declares exchanges, queues and bindings. Repeat it as often as you like.
    ///
    /// # Errors
    /// If one of them exists with other properties, or is refused, or the broker does not answer
    /// within 5 s. What was declared before stays.
    pub async fn declare(&self, topology: &Topology) -> Result<(), DeclareError> {
        declare::declare(&self.consuming, &self.names.topology(topology)).await
    }

    /// Asks the broker for a sign of life on both connections.
    ///
    /// # Errors
    /// If there is none within 5 s.
    pub async fn ping(&self) -> Result<(), QueueLost> {
        let connections = [self.publisher.connection(), &self.consuming];
        let asked = connections.map(|kept| async {
            kept.up().await?.create_channel().await.map_err(|error| lost(&error)).map(drop)
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
        notify: Notify,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>> {
        Box::pin(async move {
            let subscribed =
                subscription::subscribe(&self.consuming, &self.names, queue, prefetch, notify);
            let subscribed = timeout(ANSWER_TIMEOUT, subscribed).await;
            Ok(Box::new(subscribed.map_err(|_| no_answer())??) as _)
        })
    }
}
