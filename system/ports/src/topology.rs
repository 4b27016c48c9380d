//! What services declare at their broker: exchanges, queues, and what binds them.
//!
//! Plain data. The broker model, the simulated broker and RabbitMQ are all given the same; how a
//! queue's specification becomes arguments of RabbitMQ is that binding's affair.

use std::time::Duration;

/// Durable topic exchanges, durable queues, and what binds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The names of the exchanges.
    pub exchanges: Vec<String>,
    /// The queues.
    pub queues: Vec<QueueSpec>,
    /// Which queue gets what.
    pub bindings: Vec<Binding>,
}

/// A queue gets what an exchange is given with a matching routing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The queue's name.
    pub queue: String,
    /// The exchange's name.
    pub exchange: String,
    /// A topic pattern.
    pub pattern: String,
}

/// What a queue is declared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// `x-delivery-limit`: how many deliveries may come back; none: any number.
    pub delivery_limit: Option<u32>,
    /// `x-message-ttl`; none: messages wait for ever.
    pub message_ttl: Option<Duration>,
    /// `x-dead-letter-exchange` and `x-dead-letter-routing-key`; none: given-up messages are dropped.
    pub dead_letter: Option<DeadLetter>,
    /// `x-max-length` with `x-overflow: reject-publish`; none: any length.
    pub max_length: Option<usize>,
}

impl QueueSpec {
    /// A queue without limits.
    pub fn named(name: impl Into<String>) -> QueueSpec {
        QueueSpec { name: name.into(), ..QueueSpec::default() }
    }
}

/// Where a queue sends the messages it gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Empty: the default exchange.
    pub exchange: String,
    /// The routing key that its messages get.
    pub routing_key: String,
}

impl DeadLetter {
    /// By the default exchange to the queue of this name.
    pub fn to_queue(name: &str) -> DeadLetter {
        DeadLetter { exchange: String::new(), routing_key: name.to_owned() }
    }
}
