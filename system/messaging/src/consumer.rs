//! Consuming a queue: subscribe, handle, acknowledge after the commit; put off or dead-letter.
//!
//! A handler does its whole work, inbox row included, in one transaction. What it returns decides:
//! `Ok` acknowledges; [`Failure::Poison`] goes to the dead-letter queue at once; everything else is
//! transient and the message comes again after a delay, counted by an attempt counter of our own,
//! until it is dead-lettered too. What an application does about a dead letter commits before the
//! message is rejected.

use std::sync::Arc;
use std::time::Duration;

use async_lock::Mutex;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use scoped_futures::ScopedFutureExt;
use stormproof_ports::notify::Notify;
use stormproof_ports::retry::Backoff;
use stormproof_ports::worker::{Progress, Worker};
use stormproof_ports::{
    CallError, DatabaseError, Delivery, Message, Ports, QueueLost, Settle, Subscription, story,
};

use crate::payload::Undecodable;
use crate::retries::{RETRIES, RetryQueue, retry_queue};
use crate::transaction::{Transaction, transact};

/// What is done with the messages of a queue.
pub trait Handler: Send + Sync + 'static {
    /// Does the whole work of one message, in one transaction.
    ///
    /// # Errors
    /// Whether it is to come again, or to be given up.
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>>;

    /// A message is given up; `words` say which and why. What is written here commits before the
    /// message is rejected: a dead letter that nobody was told of would be forgotten.
    ///
    /// # Errors
    /// If it cannot be written now: the message stays where it is.
    fn on_dead_letter<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        message: &'a Message,
        words: &'a str,
    ) -> BoxFuture<'a, Result<(), DatabaseError>>;
}

/// Why a message was not handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It never can be, and why.
    Poison(String),
    /// It may be later; why it was not now.
    Transient(String),
}

/// Such a message never will be readable.
impl From<Undecodable> for Failure {
    fn from(error: Undecodable) -> Failure {
        Failure::Poison(error.to_string())
    }
}

/// What a database, a service or the mail server does not do now, it may do later.
macro_rules! transient {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                Failure::Transient(error.to_string())
            }
        }
    )*};
}

transient!(DatabaseError, CallError);

/// How a queue is consumed.
#[derive(Clone, Debug)]
pub struct ConsumerPolicy {
    /// Messages that the broker hands out before the first of them is settled.
    pub prefetch: u16,
    /// Of those, how many are handled at once: none of them waits for the others, nor comes in order.
    pub at_once: usize,
    /// Attempts before a message is dead-lettered.
    pub attempts_max: u32,
    /// The wait before the next subscription, after one was lost.
    pub reconnect: Backoff,
    /// Where messages wait that are put off.
    pub retries: &'static [RetryQueue],
}

impl Default for ConsumerPolicy {
    fn default() -> ConsumerPolicy {
        ConsumerPolicy {
            prefetch: 16,
            at_once: 8,
            attempts_max: 12,
            reconnect: Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) },
            retries: &RETRIES,
        }
    }
}

/// The worker that consumes `queue` with `handler`.
pub fn worker(
    ports: &Ports,
    queue: &'static str,
    policy: ConsumerPolicy,
    handler: impl Handler,
) -> Worker {
    let notify = Notify::default();
    let consumer = Arc::new(Consumer {
        ports: ports.clone(),
        queue,
        policy,
        handler,
        notify: notify.clone(),
        state: Mutex::new(ConsumerState { subscription: None, failures: 0 }),
    });
    Worker::new(queue, notify, move || {
        let consumer = consumer.clone();
        Box::pin(async move { consumer.step().await })
    })
}

struct Consumer<H> {
    ports: Ports,
    queue: &'static str,
    policy: ConsumerPolicy,
    handler: H,
    notify: Notify,
    state: Mutex<ConsumerState>,
}

struct ConsumerState {
    subscription: Option<Box<dyn Subscription>>,
    /// Connections lost in a row.
    failures: u32,
}

impl<H: Handler> Consumer<H> {
    async fn step(&self) -> Progress {
        let mut state = self.state.lock().await;
        match self.step_with(&mut state).await {
            Ok(progress) => progress,
            Err(lost) => {
                state.subscription = None;
                state.failures += 1;
                let delay = self.policy.reconnect.delay(state.failures, &*self.ports.rng);
                let retry_at = self.ports.clock.now() + delay;
                Progress::Failed { why: lost.to_string(), retry_at }
            }
        }
    }

    async fn step_with(&self, state: &mut ConsumerState) -> Result<Progress, QueueLost> {
        let subscription = match &mut state.subscription {
            Some(subscription) => subscription,
            none => {
                let prefetch = self.policy.prefetch;
                let queue = &self.ports.queue;
                none.insert(queue.subscribe(self.queue, prefetch, self.notify.clone()).await?)
            }
        };
        state.failures = 0;
        let (mut in_hand, mut taken, mut lost) = (FuturesUnordered::new(), 0, None);
        loop {
            // Never more than were handed out at once, for a step has an end.
            while lost.is_none()
                && in_hand.len() < self.policy.at_once
                && taken < self.policy.prefetch
            {
                match subscription.take() {
                    Ok(Some(delivery)) => in_hand.push(self.decide(delivery)),
                    Ok(None) => break,
                    Err(error) => lost = Some(error),
                }
                taken += 1;
            }
            let Some((tag, decided)) = in_hand.next().await else { break };
            // What is in hand is finished all the same: some of it may have had its effect.
            let settled = match (decided, &lost) {
                (Ok(settle), None) => subscription.settle(tag, settle).await,
                (decided, _) => decided.map(drop),
            };
            if let Err(error) = settled {
                lost.get_or_insert(error);
            }
        }
        match (lost, taken) {
            (Some(lost), _) => Err(lost),
            (None, 0) => Ok(Progress::Idle(None)),
            (None, _) => Ok(Progress::Worked),
        }
    }

    /// Handles a message, and says how it is to be settled.
    async fn decide(&self, delivery: Delivery) -> (u64, Result<Settle, QueueLost>) {
        let settle = match self.handler.handle(&delivery.message).await {
            Ok(()) => Ok(Settle::Ack),
            Err(Failure::Poison(why)) => self.dead_letter(&delivery, &why).await,
            Err(Failure::Transient(why)) => self.put_off(&delivery, &why).await,
        };
        (delivery.tag, settle)
    }

    /// A copy goes to the retry queue; only when that is confirmed is the original acknowledged.
    /// A crash in between makes two of it, which the inbox tells apart from two messages.
    async fn put_off(&self, delivery: &Delivery, why: &str) -> Result<Settle, QueueLost> {
        let attempt = delivery.message.attempt + 1;
        if attempt >= self.policy.attempts_max {
            return self.dead_letter(delivery, why).await;
        }
        let message = Message {
            exchange: String::new(),
            routing_key: retry_queue(self.policy.retries, self.queue, attempt),
            attempt,
            ..delivery.message.clone()
        };
        let published = self.ports.queue.publish(message).await;
        published.map_err(|error| QueueLost(error.to_string()))?;
        Ok(Settle::Ack)
    }

    /// What is to be done about it commits before the message is rejected. If that cannot be written
    /// now, the message stays where it is.
    async fn dead_letter(&self, delivery: &Delivery, why: &str) -> Result<Settle, QueueLost> {
        let message = &delivery.message;
        let words = format!("dead-letters {}: {why}", message.schema);
        let (handler, text) = (&self.handler, words.as_str());
        let told: Result<(), DatabaseError> = transact(&self.ports, move |transaction| {
            handler.on_dead_letter(transaction, message, text).scope_boxed()
        })
        .await;
        told.map_err(|error| QueueLost(format!("the dead letter cannot be told: {error}")))?;
        story::say(&message.correlation_id, &words);
        Ok(Settle::Reject)
    }
}
