//! A subscription: a channel of its own, a task that fills a buffer from it, and settling.
//!
//! Closing the channel gives back what was not acknowledged; the broker does that.

use futures::StreamExt as _;
use futures::future::BoxFuture;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use stormproof_ports::delivery_buffer::DeliveryBuffer;
use stormproof_ports::notify::Notify;
use stormproof_ports::{Delivery, QueueLost, Settle, Subscription};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::answer::{ANSWER_TIMEOUT, lost, no_answer};
use super::connection::KeptConnection;
use super::envelope;
use super::names::Names;

/// A live consumer. Its channel closes when both this and the task are gone.
pub(super) struct RabbitSubscription {
    channel: Channel,
    buffer: DeliveryBuffer,
    pump: JoinHandle<()>,
}

pub(super) async fn subscribe(
    kept: &KeptConnection,
    names: &Names,
    queue: &str,
    prefetch: u16,
    notify: Notify,
) -> Result<RabbitSubscription, QueueLost> {
    let queue =
        ShortString::try_new(names.outward(queue)).map_err(|error| QueueLost(error.to_string()))?;
    let connection = kept.up().await?;
    let consumer = async {
        let channel = connection.create_channel().await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue, "".into(), options, arguments).await?;
        Ok((channel, consumer))
    };
    let (channel, consumer) = consumer.await.map_err(|error| lost(&error))?;
    let buffer = DeliveryBuffer::new(notify);
    let pump = tokio::spawn(pump(consumer, names.clone(), buffer.clone()));
    Ok(RabbitSubscription { channel, buffer, pump })
}

async fn pump(mut consumer: Consumer, names: Names, buffer: DeliveryBuffer) {
    while let Some(next) = consumer.next().await {
        match next {
            Ok(delivery) => {
                let (tag, redelivered) = (delivery.delivery_tag, delivery.redelivered);
                let (message, unreadable) = envelope::read(delivery);
                let message = names.received(message);
                buffer.push(Delivery { tag, redelivered, message, unreadable });
            }
            Err(error) => return buffer.lose(error.to_string()),
        }
    }
    buffer.lose("the broker cancelled the consumer");
}

impl Subscription for RabbitSubscription {
    fn take(&mut self) -> Result<Option<Delivery>, QueueLost> {
        self.buffer.take()
    }

    fn settle(&mut self, tag: u64, how: Settle) -> BoxFuture<'_, Result<(), QueueLost>> {
        Box::pin(async move {
            self.buffer.check()?;
            let settled = async {
                match how {
                    Settle::Ack => self.channel.basic_ack(tag, BasicAckOptions::default()).await,
                    Settle::Reject => {
                        let options = BasicRejectOptions { requeue: false };
                        self.channel.basic_reject(tag, options).await
                    }
                }
            };
            let settled = timeout(ANSWER_TIMEOUT, settled).await.map_err(|_| no_answer())?;
            settled.map_err(|error| lost(&error))
        })
    }
}

impl Drop for RabbitSubscription {
    fn drop(&mut self) {
        self.pump.abort();
    }
}
