//! Consuming: deliveries as a stream, each of which settles itself.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::lock::Mutex;
use futures::stream::{BoxStream, Stream, StreamExt as _, try_unfold};

use super::{AmqpError, BasicAckOptions, BasicNackOptions, BasicProperties, BasicRejectOptions};
use crate::notify::Notify;
use crate::{Queue, Settle, Subscription};

/// Consumer and deliveries share it: the last one closes it.
type Shared = Arc<Mutex<Box<dyn Subscription>>>;

/// A live consumer: a stream that ends with an error when the connection is lost, and never
/// otherwise. When it and all its deliveries are dropped, what was not settled goes back to the
/// queue.
pub struct Consumer(BoxStream<'static, Result<Delivery, AmqpError>>);

impl Consumer {
    pub(super) async fn start(
        queue: &dyn Queue,
        name: &str,
        prefetch: u16,
    ) -> Result<Consumer, AmqpError> {
        let notify = Notify::default();
        let subscription = queue.subscribe(name, prefetch, notify.clone()).await?;
        let shared: Shared = Arc::new(Mutex::new(subscription));
        let deliveries = try_unfold((shared, notify), async |(shared, notify)| {
            let delivery = next(&shared, &notify).await?;
            Ok(Some((delivery, (shared, notify))))
        });
        Ok(Consumer(deliveries.boxed()))
    }
}

async fn next(shared: &Shared, notify: &Notify) -> Result<Delivery, AmqpError> {
    loop {
        let taken = shared.lock().await.take()?;
        match taken {
            Some(crate::Delivery { tag, redelivered, message, unreadable: _ }) => {
                return Ok(Delivery {
                    delivery_tag: tag,
                    redelivered,
                    properties: BasicProperties::of(&message),
                    exchange: message.exchange,
                    routing_key: message.routing_key,
                    data: message.body,
                    subscription: shared.clone(),
                });
            }
            None => notify.notified().await,
        }
    }
}

impl Stream for Consumer {
    type Item = Result<Delivery, AmqpError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Delivery, AmqpError>>> {
        self.0.poll_next_unpin(context)
    }
}

/// A message handed to a consumer. Dropped without a word, it stays unacknowledged until the
/// consumer ends.
pub struct Delivery {
    /// Its number, counted by the consumer.
    pub delivery_tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange that it was published to; empty: the default one.
    pub exchange: String,
    /// The routing key that it was published with.
    pub routing_key: String,
    /// Its properties.
    pub properties: BasicProperties,
    /// Its body.
    pub data: Bytes,
    subscription: Shared,
}

impl Delivery {
    /// Done: the broker forgets it.
    ///
    /// # Errors
    /// [`AmqpError::Lost`] if the connection is gone: it may come again. [`AmqpError::Unsupported`]
    /// for `multiple`.
    pub async fn ack(&self, options: BasicAckOptions) -> Result<(), AmqpError> {
        options.check()?;
        self.settle(Settle::Ack).await
    }

    /// Not to be tried again: the broker dead-letters it.
    ///
    /// # Errors
    /// [`AmqpError::Lost`] if the connection is gone: it may come again. [`AmqpError::Unsupported`]
    /// for `requeue`.
    pub async fn reject(&self, options: BasicRejectOptions) -> Result<(), AmqpError> {
        let BasicRejectOptions { requeue } = options;
        self.nack(BasicNackOptions { requeue, multiple: false }).await
    }

    /// The same as [`Delivery::reject`].
    ///
    /// # Errors
    /// Those of [`Delivery::reject`], and [`AmqpError::Unsupported`] for `multiple`.
    pub async fn nack(&self, options: BasicNackOptions) -> Result<(), AmqpError> {
        options.check()?;
        self.settle(Settle::Reject).await
    }

    async fn settle(&self, how: Settle) -> Result<(), AmqpError> {
        Ok(self.subscription.lock().await.settle(self.delivery_tag, how).await?)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Delivery { delivery_tag, redelivered, exchange, routing_key, properties, .. } = self;
        formatter
            .debug_struct("Delivery")
            .field("delivery_tag", delivery_tag)
            .field("redelivered", redelivered)
            .field("exchange", exchange)
            .field("routing_key", routing_key)
            .field("properties", properties)
            .finish_non_exhaustive()
    }
}
