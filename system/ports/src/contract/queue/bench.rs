//! What the checks of a queue share: messages, a subscription that waits, and looking for nothing.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};

use super::{Bench, DEAD, WORK};
use crate::contract::{Broken, Kept, ensure};
use crate::notify::Notify;
use crate::{Delivery, Message, Settle, Subscription};

/// Longer than any binding takes for what does come.
const LONG: Duration = Duration::from_secs(10);

/// As long as it takes to believe that nothing comes.
const QUIET: Duration = Duration::from_millis(250);

/// A subscription and what it notifies.
pub(super) struct BenchConsumer<'p> {
    bench: Bench<'p>,
    notify: Notify,
    pub(super) subscription: Box<dyn Subscription>,
}

impl<'p> Bench<'p> {
    /// The full name of one of the owner's queues.
    pub(super) fn name(self, queue: &str) -> String {
        format!("{}.{queue}", self.owner)
    }

    pub(super) fn dead(self) -> String {
        format!("{WORK}{DEAD}")
    }

    /// A message for one of the owner's queues.
    pub(super) fn message(self, queue: &str, id: &str) -> Message {
        Message {
            exchange: String::new(),
            routing_key: format!("{}.{queue}", self.owner),
            message_id: id.to_owned(),
            correlation_id: format!("subject of {id}"),
            schema: "contract.check".to_owned(),
            version: 3,
            traceparent: format!("00-{:032x}-{:016x}-01", 7, 9),
            timestamp: 1_700_000_000_123_456,
            attempt: 4,
            body: format!("{{\"id\":\"{id}\"}}").into(),
        }
    }

    pub(super) async fn publish(self, queue: &str, ids: &[&str]) -> Kept {
        for id in ids {
            self.queue.publish(self.message(queue, id)).await?;
        }
        Ok(())
    }

    pub(super) async fn consume(
        self,
        queue: &str,
        prefetch: u16,
    ) -> Result<BenchConsumer<'p>, Broken> {
        let notify = Notify::default();
        let name = self.name(queue);
        let subscription = self.queue.subscribe(&name, prefetch, notify.clone()).await?;
        Ok(BenchConsumer { bench: self, notify, subscription })
    }

    /// Takes and acknowledges these messages from a queue, in this order, and no more.
    pub(super) async fn drain(self, queue: &str, ids: &[&str]) -> Kept {
        let mut consumer = self.consume(queue, 100).await?;
        for id in ids {
            consumer.next_is(id).await?.ack(&mut consumer).await?;
        }
        consumer.nothing().await
    }
}

impl BenchConsumer<'_> {
    /// The next delivery, waited for by its notification alone.
    pub(super) async fn next(&mut self) -> Result<Taken, Broken> {
        match self.next_within(LONG).await? {
            Some(delivery) => Ok(Taken(delivery)),
            None => Err(Broken(format!("nothing is delivered within {LONG:?}"))),
        }
    }

    /// The same, being the one that is expected.
    pub(super) async fn next_is(&mut self, id: &str) -> Result<Taken, Broken> {
        let taken = self.next().await?;
        let found = &taken.0.message.message_id;
        ensure(found == id, || format!("{found} is delivered instead of {id}"))?;
        Ok(taken)
    }

    /// Nothing is delivered.
    pub(super) async fn nothing(&mut self) -> Kept {
        match self.next_within(QUIET).await? {
            Some(delivery) => {
                Err(Broken(format!("{} is delivered too", delivery.message.message_id)))
            }
            None => Ok(()),
        }
    }

    /// Waits until the subscription says that it is lost.
    pub(super) async fn lost(&mut self) -> Kept {
        let start = self.bench.clock.now();
        loop {
            let left = LONG.saturating_sub(self.bench.clock.now().since(start));
            match self.next_within(left).await {
                Err(_) => return Ok(()),
                Ok(Some(_)) => {}
                Ok(None) => return Err(Broken("the subscription lives on".to_owned())),
            }
        }
    }

    async fn next_within(&mut self, bound: Duration) -> Result<Option<Delivery>, Broken> {
        let mut timer = self.bench.clock.sleep(bound);
        loop {
            if let Some(delivery) = self.subscription.take()? {
                return Ok(Some(delivery));
            }
            match select(pin!(self.notify.notified()), timer).await {
                Either::Left(((), rest)) => timer = rest,
                Either::Right(((), _)) => return Ok(self.subscription.take()?),
            }
        }
    }
}

/// A delivery in hand.
pub(super) struct Taken(pub(super) Delivery);

impl Taken {
    pub(super) async fn ack(self, consumer: &mut BenchConsumer<'_>) -> Kept {
        Ok(consumer.subscription.settle(self.0.tag, Settle::Ack).await?)
    }

    pub(super) async fn reject(self, consumer: &mut BenchConsumer<'_>) -> Kept {
        Ok(consumer.subscription.settle(self.0.tag, Settle::Reject).await?)
    }

    pub(super) fn is_redelivered(&self, expected: bool) -> Kept {
        let id = &self.0.message.message_id;
        ensure(self.0.redelivered == expected, || {
            format!("{id} comes with redelivered = {}", self.0.redelivered)
        })
    }
}
