//! The seam: everything the shop asks of the world it runs in, on one page.
//!
//! Seven traits, and [`Ports`] that carries one binding of each. A host (real machines, or a seeded
//! world) makes the bindings; the services never know which host they live on. What every binding
//! owes its callers is told here in words, and in [`contract`] in checks.

pub mod contract;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use sqlx::AnyConnection;

use crate::doorbell::Doorbell;
use crate::error::Error;
use crate::settings::Settings;
use crate::story::Fact;
use crate::time::Time;

/// The bindings that one replica of one service works with.
#[derive(Clone)]
pub struct Ports {
    /// The replica's own name, such as `store-1`: it owns leases and signs log lines.
    pub node: Arc<str>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub http: Arc<dyn Http>,
    pub queue: Arc<dyn Queue>,
    pub database: Arc<dyn Database>,
    pub mailer: Arc<dyn Mailer>,
    pub compute: Arc<dyn Compute>,
    pub settings: Arc<Settings>,
    /// Rung after a commit that wrote outbox rows; the relay listens.
    pub outbox_bell: Doorbell,
    /// Rung when an order may be due for its next step; the sweep listens.
    pub work_bell: Doorbell,
}

/// Time. Different nodes may disagree about it.
pub trait Clock: Send + Sync {
    /// Microseconds since the epoch by this node's clock. It may jump, even backwards.
    fn now(&self) -> Time;
    /// Completes when `duration` has passed; unaffected by jumps of `now`.
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

/// HTTP to another service of the shop.
pub trait Http: Send + Sync {
    /// Sends `call` and waits for the whole answer, `call.timeout` at the longest. Any HTTP status
    /// is an answer. Errors: [`CallError::Unavailable`] only if no byte of the request can have
    /// arrived, [`CallError::Unknown`] for all else.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>>;
}

/// One request to another service.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service's name, such as `bank`: the binding knows where it listens.
    pub to: Cow<'static, str>,
    /// The step's name, such as `debit`: faults aim at it, logs and traces show it.
    pub operation: Cow<'static, str>,
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub timeout: Duration,
}

/// A complete HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why there is no answer (`protocol.md` §4).
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
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>>;
    /// Starts to consume `queue` with at most `prefetch` unacknowledged deliveries; `bell` rings
    /// when a delivery waits in the subscription, or when the subscription is lost.
    fn subscribe<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        bell: Doorbell,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>>;
}

/// A live consumer. Dropping it hands what was not acknowledged back to the queue.
pub trait Subscription: Send {
    /// The next waiting delivery, if there is one now.
    fn take(&mut self) -> Result<Option<Delivery>, QueueLost>;
    /// Settles a delivery. After an error its fate is unknown: it may come again.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Empty: the default exchange, which routes to the queue named by `routing_key`.
    pub exchange: String,
    pub routing_key: String,
    /// The outbox row's id; kept by redelivery, retry and replay.
    pub message_id: String,
    /// The order's id.
    pub correlation_id: String,
    /// Schema name and major version, such as `delivery.request` and 1.
    pub schema: String,
    pub version: u32,
    /// W3C trace context.
    pub traceparent: String,
    /// Microseconds since the epoch, by the publisher's clock.
    pub timestamp: i64,
    /// How often consumers have put it off: our own counter, for the broker's differs by version.
    pub attempt: u32,
    pub body: Bytes,
}

/// A message handed to a consumer.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub tag: u64,
    pub redelivered: bool,
    pub message: Message,
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

/// The service's own database, serial: Postgres at SERIALIZABLE, SQLite with one writer.
pub trait Database: Send + Sync {
    /// Opens a serial transaction.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Session>, Error>>;
}

/// An open transaction. Dropping it rolls back.
pub trait Session: Send {
    fn connection(&mut self) -> &mut AnyConnection;
    /// Commits. `facts` name what the commit makes true: the world may aim a fault at them.
    /// Errors: [`Error::Serialization`] (rolled back, run it again), [`Error::Unavailable`] (rolled
    /// back), [`Error::Unknown`] (it may have committed).
    fn commit<'a>(self: Box<Self>, facts: &'a [Fact]) -> BoxFuture<'a, Result<(), Error>>
    where
        Self: 'a;
}

/// A place for long computations (password hashing), away from the threads that serve requests.
pub trait Compute: Send + Sync {
    /// Completes when `job` has run. The binding bounds how many run at once.
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()>;
}

/// Outgoing mail.
pub trait Mailer: Send + Sync {
    /// Hands `mail` to the mail server; `Ok` when the server took responsibility.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), CallError>>;
}

/// A mail with the same content as text and as HTML (RFC 2046 §5.1.4 alternative parts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Deterministic `Message-ID` (RFC 5322 §3.6.4): a mail sent twice can be recognised.
    pub message_id: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}
