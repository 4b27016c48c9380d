//! A script on the broker model, which comes to rest after each step: everything delivered, and
//! everything that waits for its time expired.

use std::time::Duration;

use stormproof_broker::{Broker, ConnectionId, ConsumerId, Published, Stored};
use stormproof_ports::Message;
use stormproof_ports::time::Time;

use super::script::{Contents, Left, Observed, Outcome, QUEUES, Seen, Setup, Step};

/// The broker model, and the books of its clients.
pub struct Model {
    broker: Broker,
    now: Time,
    publisher: ConnectionId,
    connections: Vec<ConnectionId>,
    /// The numbers of the connections that were not dropped.
    open: Vec<usize>,
    consumers: Vec<ConsumerId>,
    /// The queue of each, by its number in [`QUEUES`].
    consuming: Vec<usize>,
    held: Vec<Held>,
    observed: Observed,
}

/// A delivery in hand.
#[derive(Clone, Copy)]
struct Held {
    consumer: usize,
    /// Its number among the consumer's deliveries.
    delivery: usize,
    tag: u64,
    /// Whether one more return is too often.
    at_limit: bool,
}

/// A step in the terms of those who carry it out: consumers, connections and deliveries by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Publish { exchange: &'static str, key: String, message_id: String },
    Consume { queue: &'static str, connection: usize, prefetch: u16 },
    Ack { consumer: usize, delivery: usize },
    Reject { consumer: usize, delivery: usize, requeue: bool },
    Drop { connection: usize },
}

impl Model {
    pub fn new(setup: &Setup) -> Model {
        let mut broker = Broker::new();
        broker.declare(&setup.topology("")).expect("it is consistent");
        let publisher = broker.connect();
        Model {
            broker,
            now: Time(0),
            publisher,
            connections: Vec::new(),
            open: Vec::new(),
            consumers: Vec::new(),
            consuming: Vec::new(),
            held: Vec::new(),
            observed: Observed::default(),
        }
    }

    /// What a step means now; `None`: nothing, for there is nothing to act on.
    pub fn action(&self, step: Step) -> Option<Action> {
        let message_id = format!("m{}", self.observed.outcomes.len());
        let held = |index: usize| self.held.get(index % self.held.len().max(1)).copied();
        Some(match step {
            Step::Publish { queue } => {
                let key = QUEUES.get(queue).copied().unwrap_or("nowhere").to_owned();
                Action::Publish { exchange: "", key, message_id }
            }
            Step::PublishTopic { key } => {
                Action::Publish { exchange: "topics", key: key.to_owned(), message_id }
            }
            Step::Consume { queue, connection, prefetch } => {
                // Two consumers of a queue on one connection give back otherwise: `differences.rs`.
                let is_free = |connection: &&usize| {
                    let mine = self.consumers.iter().zip(&self.consuming);
                    let id = self.connections[**connection];
                    !mine
                        .into_iter()
                        .any(|(consumer, consumed)| consumer.connection == id && *consumed == queue)
                };
                let free: Vec<&usize> = self.open.iter().filter(is_free).collect();
                let reused = connection.filter(|_| !free.is_empty());
                let connection =
                    reused.map_or(self.connections.len(), |number| *free[number % free.len()]);
                Action::Consume { queue: QUEUES[queue], connection, prefetch }
            }
            Step::Ack { held: index } => {
                let Held { consumer, delivery, .. } = held(index)?;
                Action::Ack { consumer, delivery }
            }
            Step::Reject { held: index, requeue } => {
                let Held { consumer, delivery, at_limit, .. } = held(index)?;
                // A requeue over the limit gives too much room in 3.10: `differences.rs`.
                Action::Reject { consumer, delivery, requeue: requeue && !at_limit }
            }
            Step::Drop { connection } => {
                let open = &self.open;
                Action::Drop { connection: *open.get(connection % open.len().max(1))? }
            }
        })
    }

    /// Does it, and comes to rest.
    pub fn act(&mut self, action: &Action) -> &Observed {
        self.now = self.now + Duration::from_millis(1);
        match action {
            Action::Publish { exchange, key, message_id } => {
                let message = message(exchange, key, message_id);
                let published = self.broker.publish(self.publisher, message, true, self.now);
                let outcome = match published.expect("the exchange is there") {
                    Published::Accepted { .. } => Outcome::Confirmed,
                    Published::Returned { .. } => Outcome::Returned,
                    Published::Refused { .. } => Outcome::Refused,
                };
                self.observed.outcomes.push(outcome);
                self.broker.sync();
            }
            Action::Consume { queue, connection, prefetch } => {
                if *connection == self.connections.len() {
                    self.open.push(*connection);
                    self.connections.push(self.broker.connect());
                }
                let connection = self.connections[*connection];
                let consumer = self.broker.consume(connection, queue, *prefetch);
                self.consumers.push(consumer.expect("connection and queue are there"));
                let number = QUEUES.iter().position(|name| name == queue);
                self.consuming.push(number.expect("it is one of ours"));
                self.observed.consumers.push(Vec::new());
            }
            Action::Ack { consumer, delivery } => {
                let (connection, tag) = self.release(*consumer, *delivery);
                self.broker.ack(connection, tag).expect("it is held");
            }
            Action::Reject { consumer, delivery, requeue } => {
                let (connection, tag) = self.release(*consumer, *delivery);
                self.broker.reject(connection, tag, *requeue, self.now).expect("it is held");
            }
            Action::Drop { connection } => {
                let gone = self.connections[*connection];
                self.open.retain(|open| open != connection);
                self.broker.disconnect(gone, self.now);
                let consumers = &self.consumers;
                self.held.retain(|held| consumers[held.consumer].connection != gone);
            }
        }
        self.rest();
        &self.observed
    }

    /// What is ready in the end.
    pub fn contents(&self) -> Contents {
        let left = |stored: &Stored| Left {
            seen: Seen {
                message_id: stored.message.message_id.clone(),
                redelivered: stored.redelivered(),
            },
            deaths: stored
                .deaths
                .iter()
                .map(|death| (death.queue.to_string(), death.reason.as_str().into(), death.count))
                .collect(),
        };
        let queue = |name| self.broker.queue(name).expect("it is declared").ready();
        QUEUES.map(|name| (name, queue(name).map(left).collect())).into()
    }

    fn rest(&mut self) {
        loop {
            for (consumer, delivered) in self.broker.deliver(self.now) {
                let known = self.consumers.iter().position(|known| *known == consumer);
                let number = known.expect("it is a consumer of ours");
                let queue = self.broker.queue(QUEUES[self.consuming[number]]);
                let limit = queue.expect("it is declared").spec().delivery_limit;
                let seen = &mut self.observed.consumers[number];
                self.held.push(Held {
                    consumer: number,
                    delivery: seen.len(),
                    tag: delivered.tag,
                    at_limit: limit.is_some_and(|limit| delivered.delivery_count >= limit),
                });
                seen.push(Seen {
                    message_id: delivered.message.message_id.clone(),
                    redelivered: delivered.redelivered,
                });
            }
            let Some(deadline) = self.broker.next_deadline() else { break };
            self.now = deadline;
            self.broker.advance(deadline);
        }
        let ready = QUEUES
            .map(|name| (name, self.broker.queue(name).expect("it is declared").ready_count()));
        self.observed.ready = ready.into();
    }

    fn release(&mut self, consumer: usize, delivery: usize) -> (ConnectionId, u64) {
        let named = |held: &Held| (held.consumer, held.delivery) == (consumer, delivery);
        let place = self.held.iter().position(named);
        let Held { tag, .. } = self.held.remove(place.expect("the action names what is held"));
        (self.consumers[consumer].connection, tag)
    }
}

pub fn message(exchange: &str, key: &str, message_id: &str) -> Message {
    Message {
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        message_id: message_id.to_owned(),
        correlation_id: String::new(),
        schema: String::new(),
        version: 1,
        traceparent: String::new(),
        timestamp: 0,
        attempt: 0,
        body: Default::default(),
    }
}
