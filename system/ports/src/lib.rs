//! The seam: everything that a service asks of the world it runs in, on one page.
//!
//! Seven traits, and [`Ports`] that carries one binding of each. A host (real machines, or a seeded
//! world) makes the bindings; the services never know which host they live on. What every binding
//! owes its callers is told here in words, and in [`contract`] in checks.

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

pub mod absent;
pub mod amqp;
pub mod client;
pub mod contract;
pub mod delivery_buffer;
mod error;
pub mod hand_clock;
pub mod id;
pub mod machine;
pub mod metrics;
pub mod mutation;
pub mod notify;
pub mod outgoing;
pub mod retry;
pub mod sql;
pub mod sqlite;
pub mod story;
pub mod time;
pub mod topology;
pub mod trace;
pub mod worker;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use sqlx::AnyConnection;

pub use crate::error::{DatabaseError, is_stale};
use crate::metrics::TransactionMetrics;
use crate::notify::Notify;
use crate::outgoing::Outgoing;
use crate::story::Fact;
use crate::time::Time;

/// The bindings that one replica of one service works with.
#[derive(Clone)]
pub struct Ports {
    /// The replica's own name, such as `store-1`: it owns leases and signs log lines.
    pub node: Arc<str>,
    /// This node's time.
    pub clock: Arc<dyn Clock>,
    /// This node's randomness.
    pub rng: Arc<dyn Rng>,
    /// The way to other services.
    pub http: Arc<dyn Http>,
    /// The broker.
    pub queue: Arc<dyn Queue>,
    /// The service's own database.
    pub database: Arc<dyn Database>,
    /// The mail server.
    pub mailer: Arc<dyn Mailer>,
    /// Where long computations run.
    pub compute: Arc<dyn Compute>,
    /// From transactions to the relay: what they have written into the outbox and committed.
    pub outgoing: Outgoing,
    /// What became of the transactions.
    pub transactions: TransactionMetrics,
}

/// Time. Different nodes may disagree about it.
pub trait Clock: Send + Sync {
    /// Microseconds since the epoch by this node's clock. It may jump, even backwards.
    fn now(&self) -> Time;
    /// Completes when `duration` has passed, or a little later: bindings may round up to a
    /// millisecond. Unaffected by jumps of `now`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Randomness, in named streams: a draw from one never moves another.
pub trait Rng: Send + Sync {
    /// Fills `bytes` from the stream called `stream` (`"id"`, `"jitter"`, `"salt"`, …).
    fn fill(&self, stream: &'static str, bytes: &mut [u8]);
}

impl dyn Rng + '_ {
    /// A uniform draw below `bound` (0 when `bound` is 0); the bias of the modulo is below 2⁻³².
    pub fn below(&self, stream: &'static str, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(stream, &mut bytes);
        u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
    }
}

/// HTTP to another service.
pub trait Http: Send + Sync {
    /// Sends `call` and waits for the whole answer, `call.timeout` at the longest. Any HTTP status
    /// is an answer.
    ///
    /// # Errors
    /// [`CallError::Unavailable`] only if no byte of the request can have arrived,
    /// [`CallError::Unknown`] for all else.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>>;
}

/// One request to another service.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service's name, such as `bank`: the binding knows where it listens.
    pub to: Cow<'static, str>,
    /// The step's name, such as `charge`: faults aim at it, logs and traces show it.
    pub operation: Cow<'static, str>,
    /// The request's method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The request's headers; the binding adds what HTTP itself needs.
    pub headers: HeaderMap,
    /// The whole body; empty for none.
    pub body: Bytes,
    /// The longest wait for the whole answer.
    pub timeout: Duration,
}

/// A complete HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Any status: whether it is a good one is the caller's to say.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// Provably nothing happened.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It may have happened: ask again with the same key.
    #[error("no answer: {0}")]
    Unknown(String),
}

/// Messages through a broker with RabbitMQ's semantics.
pub trait Queue: Send + Sync {
    /// Publishes persistent and mandatory on a confirming channel; `Ok` only after the broker's ack
    /// without a return.
    ///
    /// # Errors
    /// [`PublishError::Returned`] if no queue takes it, [`PublishError::Unknown`] if it may be in a
    /// queue or not.
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>>;
    /// Starts to consume `queue` with at most `prefetch` unacknowledged deliveries; `notify`
    /// is notified when a delivery waits in the subscription, or when the subscription is lost.
    ///
    /// # Errors
    /// If there is no connection, or no such queue.
    fn subscribe<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        notify: Notify,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>>;
}

/// A live consumer. Dropping it hands what was not acknowledged back to the queue.
pub trait Subscription: Send {
    /// The next waiting delivery, if there is one now.
    ///
    /// # Errors
    /// If the subscription is lost: for good, so subscribe again.
    fn take(&mut self) -> Result<Option<Delivery>, QueueLost>;
    /// Settles a delivery.
    ///
    /// # Errors
    /// If the subscription is lost. The delivery's fate is unknown then: it may come again.
    fn settle(&mut self, tag: u64, how: Settle) -> BoxFuture<'_, Result<(), QueueLost>>;
}

/// What a consumer says of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Done: the broker forgets it.
    Ack,
    /// Not to be tried again: the broker dead-letters it.
    Reject,
}

/// A message as it travels: AMQP's basic properties and a JSON body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Empty: the default exchange, which routes to the queue named by `routing_key`.
    pub exchange: String,
    /// What exchanges route by.
    pub routing_key: String,
    /// The outbox row's id; kept by redelivery, retry and replay.
    pub message_id: String,
    /// What it belongs to, such as the id of an aggregate.
    pub correlation_id: String,
    /// The schema's name, such as `job.begin`.
    pub schema: String,
    /// The schema's major version.
    pub version: u32,
    /// W3C trace context.
    pub traceparent: String,
    /// Microseconds since the epoch, by the publisher's clock.
    pub timestamp: i64,
    /// How often consumers have put it off: our own counter, for the broker's differs by version.
    pub attempt: u32,
    /// JSON.
    pub body: Bytes,
}

/// A message handed to a consumer.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What to settle it by, within its subscription.
    pub tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The message itself.
    pub message: Message,
    /// What of its properties cannot be read, in words. Its text is spelled out in the message then,
    /// whose version is 0, and what is no text or out of range is as if it were not there.
    pub unreadable: Option<String>,
}

/// Why a publish was not confirmed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    /// The broker took it but no queue is bound to its routing key.
    #[error("returned: no queue is bound to {0}")]
    Returned(String),
    /// No confirm: it may be in the queue or not.
    #[error("no confirm: {0}")]
    Unknown(String),
}

/// The connection to the broker is gone; what was not acknowledged comes again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("broker connection lost: {0}")]
pub struct QueueLost(pub String);

/// The service's own database: Postgres, or SQLite with one writer.
///
/// A binding owes READ COMMITTED at the least: a statement sees what was committed before it, waits for
/// the end of whoever has changed a row that it is to change, and then checks its condition again; a key
/// is given once. It does not owe that two reads of a transaction agree, so who reads and then writes
/// guards the write by what was read, and runs again if that has changed.
pub trait Database: Send + Sync {
    /// Opens a transaction.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] if none can be had now.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Session>, DatabaseError>>;
}

/// An open transaction. Dropping it rolls back.
pub trait Session: Send {
    /// The connection, to make statements on.
    fn connection(&mut self) -> &mut AnyConnection;
    /// The time by the database's own clock, which is one for all who share the database: whether a claim
    /// has ended is judged by it, for two replicas' clocks may be apart.
    ///
    /// # Errors
    /// If the database does not answer.
    fn time(&mut self) -> BoxFuture<'_, Result<Time, DatabaseError>>;
    /// A statement was compiled for a table that has changed since ([`is_stale`]). Later transactions must
    /// not meet what was compiled before now, on whichever connection; this one is lost.
    fn forget_statements(&mut self) {}
    /// Commits. `facts` name what the commit makes true: the world may aim a fault at them.
    ///
    /// # Errors
    /// [`DatabaseError::Serialization`] (rolled back, run it again),
    /// [`DatabaseError::Unavailable`] (rolled back), [`DatabaseError::Unknown`] (it may have
    /// committed).
    fn commit<'a>(self: Box<Self>, facts: &'a [Fact]) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a;
    /// Commits a transaction of which the caller knows that none of its statements has failed. A binding
    /// whose engine would undo a failed one in silence need not ask it first.
    ///
    /// # Errors
    /// Those of [`commit`](Session::commit).
    fn commit_sound<'a>(
        self: Box<Self>,
        facts: &'a [Fact],
    ) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a,
    {
        self.commit(facts)
    }
}

/// A place for long computations (password hashing), away from the threads that serve requests.
pub trait Compute: Send + Sync {
    /// Completes when `job` has run. The binding bounds how many run at once.
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()>;
}

/// Outgoing mail.
pub trait Mailer: Send + Sync {
    /// Hands `mail` to the mail server; `Ok` when the server took responsibility.
    ///
    /// # Errors
    /// [`CallError::Unavailable`] if the server cannot have taken it, [`CallError::Unknown`] if it
    /// may have.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), CallError>>;
}

/// A mail with the same content as text and as HTML (RFC 2046 §5.1.4 alternative parts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Deterministic `Message-ID` (RFC 5322 §3.6.4): a mail sent twice can be recognised.
    pub message_id: String,
    /// The recipient's address.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The content as plain text.
    pub text: String,
    /// The same content as HTML.
    pub html: String,
}
