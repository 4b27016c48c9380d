//! Consuming a queue: subscribe, handle, acknowledge after the commit; put off or dead-letter.
//!
//! Messages about one subject are handled in the order in which they come, one after the other; of
//! different subjects, several at once, or together in one transaction. What the handler returns decides:
//! `Ok` acknowledges; [`Failure::Poison`] goes to the dead-letter queue at once; everything else is
//! transient and the message comes again after a delay, counted by an attempt counter of our own,
//! until it is dead-lettered too. What an application does about a dead letter commits before the
//! message is rejected; while it cannot, the message waits, with longer and longer pauses.

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
use crate::waiting::Waiting;

/// What is done with the messages of a queue.
pub trait Handler: Send + Sync + 'static {
    /// Does the whole work of one message, inbox row included.
    ///
    /// # Errors
    /// Whether it is to come again, or to be given up.
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>>;

    /// Whether several messages are better handled together.
    fn batches(&self) -> bool {
        false
    }

    /// Does the whole work of messages that have come together, and says of each what became of it.
    /// [`batch::handle`](crate::batch::handle) does it in one transaction.
    fn handle_all<'a>(
        &'a self,
        messages: &'a [&'a Message],
    ) -> BoxFuture<'a, Vec<Result<(), Failure>>> {
        Box::pin(async move {
            let mut results = Vec::new();
            for message in messages {
                results.push(self.handle(message).await);
            }
            results
        })
    }

    /// A message is given up. What is written here commits before the message is rejected: a dead letter
    /// that nobody was told of would be forgotten.
    ///
    /// # Errors
    /// If it cannot be written now: the message waits, and is tried once more before it is given up again.
    fn on_dead_letter<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        letter: DeadLetter<'a>,
    ) -> BoxFuture<'a, Result<(), DatabaseError>>;

    /// A message is done with that was to be given up, and could not be since nobody could be told. Whoever
    /// waits for what it says has waited for long, so somebody may want to hear of it. What is
    /// written here commits before the message is acknowledged.
    ///
    /// # Errors
    /// If it cannot be written now: the message comes again.
    fn on_late<'a>(
        &'a self,
        _transaction: &'a mut Transaction<'_>,
        _queue: &'static str,
        _message: &'a Message,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A message that is given up.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetter<'a> {
    /// The queue that it came in.
    pub queue: &'static str,
    /// The message.
    pub message: &'a Message,
    /// Which it is, and why.
    pub words: &'a str,
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

/// The most letters that are told about a dead letter.
const WORDS_MAX: usize = 1000;

/// How a queue is consumed.
#[derive(Clone, Debug)]
pub struct ConsumerPolicy {
    /// Messages that the broker hands out before the first of them is settled.
    pub prefetch: u16,
    /// How many are handled at once: messages about different subjects, or batches of such.
    pub at_once: usize,
    /// The most messages of a batch, where the handler takes [batches](Handler::batches).
    pub batch: usize,
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
            batch: 16,
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
        let size = if self.handler.batches() { self.policy.batch } else { 1 };
        let (mut in_hand, mut taken, mut lost) = (FuturesUnordered::new(), 0, None);
        let mut waiting = Waiting::default();
        loop {
            // Never more than were handed out at once, for a step has an end.
            while lost.is_none() && taken < self.policy.prefetch {
                match subscription.take() {
                    Ok(Some(delivery)) => waiting.push(delivery),
                    Ok(None) => break,
                    Err(error) => lost = Some(error),
                }
                taken += 1;
            }
            while lost.is_none() && in_hand.len() < self.policy.at_once {
                let Some(batch) = waiting.next_batch(size) else { break };
                in_hand.push(self.decide(batch));
            }
            let Some(decided) = in_hand.next().await else { break };
            // What is in hand is finished all the same: some of it may have had its effect.
            for (delivery, decision) in decided {
                waiting.done(&delivery);
                let settled = match (decision, &lost) {
                    (Ok(settle), None) => subscription.settle(delivery.tag, settle).await,
                    (decision, _) => decision.map(drop),
                };
                if let Err(error) = settled {
                    lost.get_or_insert(error);
                }
            }
        }
        match (lost, taken) {
            (Some(lost), _) => Err(lost),
            // A delivery comes with a notification, and so does the subscription's loss.
            (None, 0) => Ok(Progress::Waiting),
            (None, _) => Ok(Progress::Worked),
        }
    }

    /// Handles messages, and says how each is to be settled. What cannot be read is not handled: its
    /// neighbours are, as if it had never come.
    async fn decide(&self, batch: Vec<Delivery>) -> Vec<(Delivery, Result<Settle, QueueLost>)> {
        let unreadable: Vec<Option<String>> = batch.iter().map(unreadable).collect();
        let readable = batch.iter().zip(&unreadable).filter(|(_, unreadable)| unreadable.is_none());
        let messages: Vec<&Message> = readable.map(|(delivery, _)| &delivery.message).collect();
        let mut results = match messages.is_empty() {
            true => Vec::new(),
            false => self.handler.handle_all(&messages).await,
        }
        .into_iter();
        let mut decided = Vec::new();
        for (delivery, unreadable) in batch.into_iter().zip(unreadable) {
            let result = match unreadable {
                Some(why) => Err(Failure::Poison(why)),
                None => results.next().expect("a handler says something of each"),
            };
            let is_last = delivery.message.attempt.saturating_add(1) >= self.policy.attempts_max;
            let settle = match result {
                Ok(()) => self.acknowledge(&delivery).await,
                Err(Failure::Transient(_)) if !is_last => self.put_off(&delivery).await,
                Err(Failure::Transient(why) | Failure::Poison(why)) => {
                    self.dead_letter(&delivery, &why).await
                }
            };
            decided.push((delivery, settle));
        }
        decided
    }

    /// A copy goes to the retry queue; only when that is confirmed is the original acknowledged.
    /// A crash in between makes two of it, which the inbox tells apart from two messages.
    async fn put_off(&self, delivery: &Delivery) -> Result<Settle, QueueLost> {
        let attempt = delivery.message.attempt.saturating_add(1);
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
    /// now, the message is put off: in its queue it would come again at once, and the broker gives up what
    /// comes too often, without a word.
    async fn dead_letter(&self, delivery: &Delivery, why: &str) -> Result<Settle, QueueLost> {
        let (queue, message) = (self.queue, &delivery.message);
        let words = tellable(&format!("dead-letters {}: {why}", message.schema));
        let letter = DeadLetter { queue, message, words: &words };
        let handler = &self.handler;
        let told: Result<(), DatabaseError> =
            transact(&self.ports, "dead_letter", move |transaction| {
                handler.on_dead_letter(transaction, letter).scope_boxed()
            })
            .await;
        if let Err(error) = told {
            let message_id = message.message_id.as_str();
            tracing::warn!(target: "consumer", queue, message_id, %error, "a dead letter waits: nobody can be told");
            return self.put_off(delivery).await;
        }
        story::say(&message.correlation_id, &words);
        Ok(Settle::Reject)
    }

    /// One that was to be given up before, and waited until somebody could be told, is told of first.
    async fn acknowledge(&self, delivery: &Delivery) -> Result<Settle, QueueLost> {
        let (queue, message, handler) = (self.queue, &delivery.message, &self.handler);
        if message.attempt < self.policy.attempts_max {
            return Ok(Settle::Ack);
        }
        let told: Result<(), DatabaseError> =
            transact(&self.ports, "late_message", move |transaction| {
                handler.on_late(transaction, queue, message).scope_boxed()
            })
            .await;
        match told {
            Ok(()) => Ok(Settle::Ack),
            Err(error) => {
                let message_id = message.message_id.as_str();
                tracing::warn!(target: "consumer", queue, message_id, %error, "a late message waits: nobody can be told");
                // Its work is done, and the inbox knows it.
                self.put_off(delivery).await
            }
        }
    }
}

/// What of a message cannot be read, or cannot be stored: a NUL, which databases take in no text.
fn unreadable(delivery: &Delivery) -> Option<String> {
    let message = &delivery.message;
    let texts = [
        ("message_id", &message.message_id),
        ("correlation_id", &message.correlation_id),
        ("type", &message.schema),
        ("traceparent", &message.traceparent),
    ];
    delivery.unreadable.clone().or_else(|| {
        let (what, text) = texts.into_iter().find(|(_, text)| text.contains('\0'))?;
        Some(format!("unreadable: {what} {}", text.escape_debug()))
    })
}

/// Words about somebody else's message, which may have been taken from it, such that they can be stored.
pub fn tellable(words: &str) -> String {
    words.chars().take(WORDS_MAX).collect::<String>().replace('\0', "\\0")
}
