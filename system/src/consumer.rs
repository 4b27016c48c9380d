//! Consuming a queue: subscribe, handle, acknowledge after the commit; put off or dead-letter.
//!
//! A handler does its whole work, inbox row included, in one transaction. What it returns decides:
//! `Ok` acknowledges; `Rejected` is poison and goes to the dead-letter queue at once, with an
//! alert; everything else is transient and the message comes again after a delay, counted by an
//! attempt counter of our own, until it is dead-lettered too.

use std::sync::Arc;

use async_lock::Mutex;
use futures::future::BoxFuture;
use scoped_futures::ScopedFutureExt;

use crate::alert;
use crate::doorbell::Doorbell;
use crate::error::Error;
use crate::id::OrderId;
use crate::messages::retry_queue;
use crate::ports::{Delivery, Message, Ports, QueueLost, Settle, Subscription};
use crate::story;
use crate::transaction::transact;
use crate::worker::{Progress, Worker};

/// Handles one message, in one transaction.
pub type Handler = for<'a> fn(&'a Ports, &'a Message) -> BoxFuture<'a, Result<(), Error>>;

/// The worker that consumes `queue` with `handler`.
pub fn worker(ports: &Ports, queue: &'static str, handler: Handler) -> Worker {
    let bell = Doorbell::default();
    let consumer = Arc::new(Consumer {
        ports: ports.clone(),
        queue,
        handler,
        bell: bell.clone(),
        state: Mutex::new(State { subscription: None, failures: 0 }),
    });
    Worker::new(queue, bell, move || {
        let consumer = consumer.clone();
        Box::pin(async move { consumer.step().await })
    })
}

struct Consumer {
    ports: Ports,
    queue: &'static str,
    handler: Handler,
    bell: Doorbell,
    state: Mutex<State>,
}

struct State {
    subscription: Option<Box<dyn Subscription>>,
    /// Connections lost in a row.
    failures: u32,
}

impl Consumer {
    async fn step(&self) -> Progress {
        let mut state = self.state.lock().await;
        match self.step_with(&mut state).await {
            Ok(progress) => progress,
            Err(QueueLost(_)) => {
                state.subscription = None;
                state.failures += 1;
                let reconnect = &self.ports.settings.consumer.reconnect;
                let delay = reconnect.delay(state.failures, &*self.ports.rng);
                Progress::Idle(Some(self.ports.clock.now() + delay))
            }
        }
    }

    async fn step_with(&self, state: &mut State) -> Result<Progress, QueueLost> {
        let subscription = match &mut state.subscription {
            Some(subscription) => subscription,
            none => {
                let prefetch = self.ports.settings.consumer.prefetch;
                let queue = &self.ports.queue;
                none.insert(queue.subscribe(self.queue, prefetch, self.bell.clone()).await?)
            }
        };
        state.failures = 0;
        let Some(delivery) = subscription.take()? else { return Ok(Progress::Idle(None)) };
        let settle = match (self.handler)(&self.ports, &delivery.message).await {
            Ok(()) => Settle::Ack,
            Err(Error::Rejected(problem)) => self.dead_letter(&delivery, &problem.detail).await?,
            Err(error) => self.put_off(&delivery, &error.to_string()).await?,
        };
        subscription.settle(delivery.tag, settle).await?;
        Ok(Progress::Worked)
    }

    /// A copy goes to the retry queue; only when that is confirmed is the original acknowledged.
    /// A crash in between makes two of it, which the inbox tells apart from two messages.
    async fn put_off(&self, delivery: &Delivery, why: &str) -> Result<Settle, QueueLost> {
        let attempt = delivery.message.attempt + 1;
        if attempt >= self.ports.settings.consumer.attempts_max {
            return self.dead_letter(delivery, why).await;
        }
        let message = Message {
            exchange: String::new(),
            routing_key: retry_queue(self.queue, attempt),
            attempt,
            ..delivery.message.clone()
        };
        let published = self.ports.queue.publish(message).await;
        published.map_err(|error| QueueLost(error.to_string()))?;
        Ok(Settle::Ack)
    }

    /// The alert commits before the message is rejected: a dead letter without an alert would be
    /// forgotten. If the alert cannot be written now, the message stays where it is.
    async fn dead_letter(&self, delivery: &Delivery, why: &str) -> Result<Settle, QueueLost> {
        let message = &delivery.message;
        let words = format!("dead-letters {}: {why}", message.schema);
        let order = OrderId::parse(message.correlation_id.clone())
            .or_else(|_| OrderId::parse("unreadable"))
            .expect("the fallback is a valid id");
        let (order, text) = (&order, &words);
        let alerted = transact(&self.ports, move |transaction| {
            alert::raise(transaction, order, "dead letter", text).scope_boxed()
        })
        .await;
        alerted.map_err(|error| QueueLost(format!("the alert is not written: {error}")))?;
        story::say(&message.correlation_id, &words);
        Ok(Settle::Reject)
    }
}
