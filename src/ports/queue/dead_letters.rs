//! Dead letters in RabbitMQ, for its operator.
//!
//! Looking takes messages without acknowledging them: closing the channel hands them back. Trying one
//! again publishes it and acknowledges the dead one after the confirm, so that a death in between
//! leaves it twice, which a consumer that remembers ids takes for one, and never not at all.

use std::time::Duration;

use futures::future::BoxFuture;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use stormproof_broker::{Death, DeathReason};
use stormproof_ports::time::Time;
use stormproof_ports::{Message, Queue as _, QueueLost};
use tokio::time::{sleep, timeout};

use super::answer::{ANSWER_TIMEOUT, lost, no_answer};
use super::envelope;
use super::names::Names;
use super::rabbit::RabbitMq;
use crate::dead_letters::{DeadLetters, DeadMessage};

impl DeadLetters for RabbitMq {
    fn list(&self) -> BoxFuture<'_, Result<Vec<DeadMessage>, QueueLost>> {
        Box::pin(async {
            let mut all = Vec::new();
            for queue in self.dead_letters.names() {
                let mut look = Look::begin(self, queue).await?;
                while let Some((message, _)) = look.next().await? {
                    all.push(message);
                }
                look.end().await;
            }
            Ok(all)
        })
    }

    fn show<'a>(
        &'a self,
        queue: &'a str,
        message_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<DeadMessage>, QueueLost>> {
        Box::pin(async move {
            let mut look = Look::begin(self, queue).await?;
            let found = look.find(message_id).await?;
            look.end().await;
            Ok(found.map(|(message, _)| message))
        })
    }

    fn replay<'a>(
        &'a self,
        queue: &'a str,
        message_id: &'a str,
    ) -> BoxFuture<'a, Result<bool, QueueLost>> {
        Box::pin(async move {
            let Some(original) = self.dead_letters.original(queue) else { return Ok(false) };
            let mut look = Look::begin(self, queue).await?;
            let Some((dead, tag)) = look.find(message_id).await? else {
                look.end().await;
                return Ok(false);
            };
            let message = Message {
                exchange: String::new(),
                routing_key: original.to_owned(),
                attempt: 0,
                ..dead.message
            };
            if let Err(error) = self.publish(message).await {
                look.end().await;
                return Err(QueueLost(format!("it stays in {queue}: {error}")));
            }
            // From here on it may be there twice, under one id.
            let acked = look.channel.basic_ack(tag, BasicAckOptions::default()).await;
            acked.map_err(|error| lost(&error))?;
            look.all -= 1;
            look.end().await;
            Ok(true)
        })
    }
}

/// One look through a queue, from the oldest message to what was the newest when it began.
struct Look<'a> {
    queue: &'a str,
    names: &'a Names,
    channel: Channel,
    /// Not looked at yet.
    left: u32,
    /// Those that there were when it began, but for what has been taken away.
    all: u32,
}

/// How often a look that ends asks whether all is back.
const BACK_EVERY: Duration = Duration::from_millis(5);

impl<'a> Look<'a> {
    /// Errors: no connection in time, or no such queue.
    async fn begin(broker: &'a RabbitMq, queue: &'a str) -> Result<Look<'a>, QueueLost> {
        let connection = timeout(ANSWER_TIMEOUT, broker.consuming.up()).await;
        let trouble = || broker.consuming.trouble().map_or_else(no_answer, QueueLost);
        let connection = connection.map_err(|_| trouble())??;
        let channel = connection.create_channel().await.map_err(|error| lost(&error))?;
        let mut look = Look { queue, names: &broker.names, channel, left: 0, all: 0 };
        look.all = look.count().await?;
        look.left = look.all;
        Ok(look)
    }

    /// The next message, and the tag to acknowledge it by.
    async fn next(&mut self) -> Result<Option<(DeadMessage, u64)>, QueueLost> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let name = self.names.outward(self.queue);
        let got = self.channel.basic_get(name.as_str().into(), BasicGetOptions::default());
        let got = timeout(ANSWER_TIMEOUT, got).await.map_err(|_| no_answer())?;
        let Some(got) = got.map_err(|error| lost(&error))? else { return Ok(None) };
        let tag = got.delivery.delivery_tag;
        let deaths = deaths(&got.delivery.properties).into_iter();
        let deaths = deaths.map(|death| self.names.died(death)).collect();
        let (message, _) = envelope::read(got.delivery);
        let message = self.names.received(message);
        Ok(Some((DeadMessage { queue: self.queue.to_owned(), message, deaths }, tag)))
    }

    async fn find(&mut self, message_id: &str) -> Result<Option<(DeadMessage, u64)>, QueueLost> {
        while let Some((dead, tag)) = self.next().await? {
            if dead.message.message_id == message_id {
                return Ok(Some((dead, tag)));
            }
        }
        Ok(None)
    }

    /// Hands back what was looked at, and waits until it is there: who looks next sees it. If the
    /// broker does not hear of it, the connection's end does.
    async fn end(self) {
        let options = BasicNackOptions { multiple: true, requeue: true };
        self.channel.basic_nack(0, options).await.ok();
        let there = async {
            while self.count().await.is_ok_and(|count| count < self.all) {
                sleep(BACK_EVERY).await;
            }
        };
        timeout(ANSWER_TIMEOUT, there).await.ok();
        self.channel.close(200, "looked".into()).await.ok();
    }

    /// How many messages wait in the queue.
    async fn count(&self) -> Result<u32, QueueLost> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = self.names.outward(self.queue);
        let declared =
            self.channel.queue_declare(name.as_str().into(), options, FieldTable::default());
        let declared = declared.await;
        Ok(declared.map_err(|error| QueueLost(format!("{}: {error}", self.queue)))?.message_count())
    }
}

/// What RabbitMQ's header `x-death` tells, the latest reason first.
fn deaths(properties: &BasicProperties) -> Vec<Death> {
    let header = properties.headers().as_ref().and_then(|headers| headers.inner().get("x-death"));
    let Some(AMQPValue::FieldArray(rows)) = header else { return Vec::new() };
    let rows = rows.as_slice().iter();
    rows.filter_map(|row| match row {
        AMQPValue::FieldTable(row) => death(row),
        _ => None,
    })
    .collect()
}

fn death(row: &FieldTable) -> Option<Death> {
    let text = |name: &str| row.inner().get(name).and_then(envelope::words).unwrap_or_default();
    let reason = match text("reason").as_str() {
        "rejected" => DeathReason::Rejected,
        "expired" => DeathReason::Expired,
        "delivery_limit" => DeathReason::DeliveryLimit,
        _ => return None,
    };
    let number = |name: &str| row.inner().get(name).and_then(envelope::number);
    let keys = row.inner().get("routing-keys");
    let routing_key = match keys {
        Some(AMQPValue::FieldArray(keys)) => keys.as_slice().first().and_then(envelope::words),
        _ => None,
    };
    Some(Death {
        queue: text("queue").into(),
        reason,
        count: number("count").and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        at: Time(number("time").unwrap_or(0).saturating_mul(1_000_000)),
        exchange: text("exchange"),
        routing_key: routing_key.unwrap_or_default(),
    })
}
