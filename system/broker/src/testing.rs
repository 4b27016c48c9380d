//! What the broker's tests share: a broker with a publisher, and short ways to use it.

use std::time::Duration;

use super::{Broker, ConnectionId, ConsumerId, DeadLetter, DeathReason, Delivered, Published};
use super::{Queue, QueueSpec};
use stormproof_ports::Message;
use stormproof_ports::time::Time;

/// When most tests take place.
pub(super) const T0: Time = Time(1_000_000);

/// `millis` after [`T0`].
pub(super) fn at(millis: u64) -> Time {
    T0 + Duration::from_millis(millis)
}

pub(super) fn message(exchange: &str, routing_key: &str, id: &str) -> Message {
    Message {
        exchange: exchange.to_owned(),
        routing_key: routing_key.to_owned(),
        message_id: id.to_owned(),
        correlation_id: "subject".to_owned(),
        schema: "test".to_owned(),
        version: 1,
        traceparent: String::new(),
        timestamp: T0.0,
        attempt: 3,
        body: b"{}".as_slice().into(),
    }
}

pub(super) struct Rig {
    pub(super) broker: Broker,
    pub(super) publisher: ConnectionId,
}

impl Rig {
    /// A broker with these queues, which have no limits.
    pub(super) fn new(queues: &[&str]) -> Rig {
        let mut broker = Broker::new();
        let publisher = broker.connect();
        let mut rig = Rig { broker, publisher };
        for queue in queues {
            rig.declare(QueueSpec::named(*queue));
        }
        rig
    }

    pub(super) fn declare(&mut self, spec: QueueSpec) {
        self.broker.declare_queue(spec).unwrap();
    }

    /// A queue with a delivery limit, whose dead letters go to `<name>.dlq`.
    pub(super) fn limited(&mut self, name: &str, delivery_limit: u32) {
        let dead_letter =
            Some(DeadLetter { exchange: String::new(), routing_key: format!("{name}.dlq") });
        let delivery_limit = Some(delivery_limit);
        self.declare(QueueSpec { delivery_limit, dead_letter, ..QueueSpec::named(name) });
    }

    pub(super) fn publish(&mut self, queue: &str, id: &str) -> Published {
        self.broker.publish(self.publisher, message("", queue, id), true, T0).unwrap()
    }

    /// Publishes and syncs.
    pub(super) fn send(&mut self, queue: &str, id: &str) {
        self.send_at(queue, id, T0);
    }

    pub(super) fn send_at(&mut self, queue: &str, id: &str, now: Time) {
        self.broker.publish(self.publisher, message("", queue, id), true, now).unwrap();
        self.broker.sync();
    }

    /// A consumer on a connection of its own.
    pub(super) fn consume(&mut self, queue: &str, prefetch: u16) -> ConsumerId {
        let connection = self.broker.connect();
        self.broker.consume(connection, queue, prefetch).unwrap()
    }

    pub(super) fn deliver(&mut self) -> Vec<(ConsumerId, Delivered)> {
        self.broker.deliver(T0)
    }

    pub(super) fn queue(&self, name: &str) -> &Queue {
        self.broker.queue(name).unwrap()
    }

    /// The ids of a queue's ready messages.
    pub(super) fn ready(&self, queue: &str) -> Vec<String> {
        self.queue(queue).ready().map(|it| it.message.message_id.clone()).collect()
    }

    /// The deaths of a queue's first ready or else first unacknowledged message.
    pub(super) fn deaths(&self, queue: &str) -> Vec<(String, DeathReason, u32)> {
        let queue = self.queue(queue);
        let first = queue.ready().chain(queue.unacknowledged()).next().unwrap();
        first.deaths.iter().map(|it| (it.queue.to_string(), it.reason, it.count)).collect()
    }
}
