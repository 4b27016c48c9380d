//! Publishing, and where consumers are made.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{
    AmqpError, BasicConsumeOptions, BasicProperties, BasicPublishOptions, BasicQosOptions,
    Consumer, FieldTable,
};
use crate::{Message, Ports, id, trace};

/// How many deliveries a consumer holds unacknowledged unless `basic_qos` says otherwise.
const PREFETCH: u16 = 32;

/// A way to the broker. Clones share it, and what `basic_qos` set.
#[derive(Clone)]
pub struct Channel {
    ports: Ports,
    prefetch: Arc<AtomicU16>,
}

impl Channel {
    /// A channel over a replica's own ports; it connects when it is used.
    pub fn new(ports: &Ports) -> Channel {
        Channel { ports: ports.clone(), prefetch: Arc::new(AtomicU16::new(PREFETCH)) }
    }

    /// How many deliveries each consumer that is made from now on holds unacknowledged at most;
    /// 32 at first.
    ///
    /// # Errors
    /// [`AmqpError::Unsupported`] for 0, which would be no limit.
    pub async fn basic_qos(
        &self,
        prefetch_count: u16,
        _: BasicQosOptions,
    ) -> Result<(), AmqpError> {
        if prefetch_count == 0 {
            return Err(AmqpError::Unsupported("a prefetch count of 0"));
        }
        self.prefetch.store(prefetch_count, Ordering::Relaxed);
        Ok(())
    }

    /// Publishes, persistent and mandatory, and waits for the broker's confirm. An empty `exchange`
    /// is the default one, which routes to the queue named by `routing_key`.
    ///
    /// # Errors
    /// [`AmqpError::Returned`] if no queue is bound to `routing_key`, [`AmqpError::Unknown`] if no
    /// confirm came in the binding's time.
    pub async fn basic_publish(
        &self,
        exchange: &str,
        routing_key: &str,
        _: BasicPublishOptions,
        payload: &[u8],
        properties: BasicProperties,
    ) -> Result<PublisherConfirm, AmqpError> {
        let message = self.message(exchange, routing_key, payload, properties);
        self.ports.queue.publish(message).await?;
        Ok(PublisherConfirm(ready(Ok(Confirmation::Ack))))
    }

    /// Consumes `queue`. lapin's tag and arguments are there to be left empty: tags are made by the
    /// binding.
    ///
    /// # Errors
    /// [`AmqpError::Lost`] if there is no connection, or no such queue.
    pub async fn basic_consume(
        &self,
        queue: &str,
        _consumer_tag: &str,
        _: BasicConsumeOptions,
        _: FieldTable,
    ) -> Result<Consumer, AmqpError> {
        let prefetch = self.prefetch.load(Ordering::Relaxed);
        Consumer::start(&*self.ports.queue, queue, prefetch).await
    }

    fn message(
        &self,
        exchange: &str,
        routing_key: &str,
        payload: &[u8],
        properties: BasicProperties,
    ) -> Message {
        let message_id = properties.message_id.clone().unwrap_or_else(|| id::fresh(&self.ports));
        let correlation_id = properties.correlation_id().to_owned();
        let traceparent = properties.traceparent.clone();
        Message {
            exchange: exchange.to_owned(),
            routing_key: routing_key.to_owned(),
            traceparent: traceparent.unwrap_or_else(|| trace::parent(&correlation_id, &message_id)),
            message_id,
            correlation_id,
            schema: properties.kind().to_owned(),
            version: properties.version(),
            timestamp: properties.timestamp.unwrap_or_else(|| self.ports.clock.now().0),
            attempt: properties.attempt(),
            body: Bytes::copy_from_slice(payload),
        }
    }
}

/// What the broker said of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It has the message, and a queue has it.
    Ack,
}

/// A confirm, which has come already: `basic_publish` waits for it. It is a future so that lapin's
/// `.await?.await?` stays as it is.
#[must_use]
#[derive(Debug)]
pub struct PublisherConfirm(Ready<Result<Confirmation, AmqpError>>);

impl Future for PublisherConfirm {
    type Output = Result<Confirmation, AmqpError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}
