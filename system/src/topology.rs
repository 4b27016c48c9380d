//! What the shop declares at its broker, from the one table in `messages`.
//!
//! The simulated broker, the embedded one and RabbitMQ are all given this; how a queue's
//! specification becomes arguments of RabbitMQ is that binding's affair.

use crate::broker::{Broker, BrokerError, DeadLetter, QueueSpec};
use crate::messages::{DEAD, DEAD_DELIVERY_LIMIT, DELIVERY_LIMIT, EXCHANGES, QUEUES, RETRIES};

/// Durable topic exchanges, durable queues, and what binds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    pub exchanges: Vec<String>,
    pub queues: Vec<QueueSpec>,
    pub bindings: Vec<Binding>,
}

/// A queue gets what an exchange is given with a matching routing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub queue: String,
    pub exchange: String,
    /// A topic pattern.
    pub pattern: String,
}

/// The shop's exchanges and queues; each queue has its retry queues and its dead-letter queue.
pub fn of_shop() -> Topology {
    let mut topology =
        Topology { exchanges: EXCHANGES.map(str::to_owned).to_vec(), ..Topology::default() };
    for row in QUEUES {
        topology.add_with_retries(row.name);
        topology.bindings.push(Binding {
            queue: row.name.to_owned(),
            exchange: row.exchange.to_owned(),
            pattern: row.binding.to_owned(),
        });
    }
    topology
}

impl Topology {
    /// Adds a queue, its dead-letter queue and its retry queues, none of them bound.
    pub fn add_with_retries(&mut self, name: &str) {
        let dead = format!("{name}{DEAD}");
        self.queues.push(QueueSpec {
            delivery_limit: Some(DELIVERY_LIMIT),
            dead_letter: Some(DeadLetter::to_queue(&dead)),
            ..QueueSpec::named(name)
        });
        let delivery_limit = Some(DEAD_DELIVERY_LIMIT);
        self.queues.push(QueueSpec { delivery_limit, ..QueueSpec::named(dead) });
        for (suffix, delay, _) in RETRIES {
            self.queues.push(QueueSpec {
                message_ttl: Some(delay),
                dead_letter: Some(DeadLetter::to_queue(name)),
                ..QueueSpec::named(format!("{name}{suffix}"))
            });
        }
    }

    /// Declares everything at a broker model; declaring it again changes nothing. Errors: a queue
    /// exists with another specification, or a binding names what is not declared.
    pub fn declare(&self, broker: &mut Broker) -> Result<(), BrokerError> {
        for exchange in &self.exchanges {
            broker.declare_exchange(exchange)?;
        }
        for queue in &self.queues {
            broker.declare_queue(queue.clone())?;
        }
        for Binding { queue, exchange, pattern } in &self.bindings {
            broker.bind(queue, exchange, pattern)?;
        }
        Ok(())
    }

    /// The names of the dead-letter queues, in order of declaration.
    pub fn dead_letter_queues(&self) -> impl Iterator<Item = &str> {
        self.queues.iter().map(|queue| queue.name.as_str()).filter(|name| name.ends_with(DEAD))
    }
}

/// The queue whose dead letters lie in `dead`; none if that is no dead-letter queue.
pub fn original_queue(dead: &str) -> Option<&str> {
    dead.strip_suffix(DEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::retry_queue;

    #[test]
    fn every_queue_can_retry_and_die() {
        let topology = of_shop();
        let mut broker = Broker::new();
        topology.declare(&mut broker).unwrap();
        topology.declare(&mut broker).unwrap();
        for row in QUEUES {
            for retry in [1, 7].map(|attempt| retry_queue(row.name, attempt)) {
                let spec = broker.queue(&retry).unwrap().spec();
                assert_eq!(spec.dead_letter, Some(DeadLetter::to_queue(row.name)), "{retry}");
                assert!(spec.message_ttl.is_some(), "{retry}");
            }
            let dead = broker.queue(row.name).unwrap().spec().dead_letter.clone().unwrap();
            assert_eq!(original_queue(&dead.routing_key), Some(row.name));
            assert!(broker.queue(&dead.routing_key).is_ok());
        }
        assert_eq!(topology.dead_letter_queues().count(), QUEUES.len());
        assert_eq!(original_queue("delivery.update.queue"), None);
    }
}
