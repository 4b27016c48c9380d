//! RabbitMQ as far as we rely on it: a pure state machine.
//!
//! It does no I/O, reads no clock and draws nothing: its host hands in the time, decides when to
//! [`sync`](Broker::sync), [`deliver`](Broker::deliver) and [`advance`](Broker::advance), and carries
//! what these return to the clients. The simulator is one host (the `broker` node, with its faults);
//! the embedded broker is another, and
//! makes the changes of `journal` durable. The wire format is theirs too.
//!
//! What is modelled are quorum queues, topic exchanges, and one confirming channel per connection.
//! Where RabbitMQ's versions differ the table says which one we follow; `rabbit_fifo.erl` and
//! `rabbit_dead_letter.erl` of RabbitMQ were read for the details.
//!
//! | behaviour | here |
//! |---|---|
//! | routing | durable topic exchanges, `*` and `#`; the default exchange routes to the queue named by the key; a queue gets one copy however many bindings match |
//! | confirms | numbered from 1 per connection; sent after `sync`, when the message is safe and can be delivered |
//! | mandatory, unroutable | returned, then acked: the host sends both, in this order. Not mandatory: acked and gone |
//! | `x-max-length`, `reject-publish` | a full queue refuses (`basic.nack`); other queues of the same publish keep their copy. Ready messages count, unacknowledged ones do not |
//! | prefetch | per consumer; 0 is unlimited. Consumers with room take turns |
//! | ack, reject | an unknown tag is `PRECONDITION_FAILED`; AMQP then closes the channel, which is the host's to do with `disconnect` |
//! | requeue | returned messages wait in the order of their return, before all that were never delivered |
//! | `x-delivery-limit` | a requeue, a lost connection and a crash raise the count; *over* the limit is dead-lettered, so limit 2 allows 3 deliveries |
//! | `x-message-ttl` | counted from the publish; only the head of a queue expires, as it would be handed out or when its deadline comes; a TTL of 0 is 1 ms |
//! | dead letters | rejected, expired, over the limit; `x-death` merged by queue and reason, latest first; a cycle without a rejection is cut |
//! | crash | loses what was not synced, and every connection; queues, bindings, messages and deaths stay |
//!
//! Versions: without a delivery limit, 3.10 requeues at the *tail* and has no default limit, 4.0 has a
//! limit of 20. So set one on every queue. `basic.nack` counts as a failed delivery up to 4.2 and no
//! longer in 4.3, `basic.reject` in all: there is no nack here.
//!
//! Left out on purpose, for we use none of it: classic queues and streams, drop-head overflow (which is
//! RabbitMQ's default: declare `x-overflow`), priorities, TTL per message, exclusive, server-named and
//! deleted queues, unbinding, other exchange types, headers, `basic.get`, `multiple` acks,
//! transactions, several channels per connection, replicas.
//!
//! Simpler than RabbitMQ: settling is durable at once (the host can lose the ack on its way instead); a
//! dead letter that no queue takes is dropped and counted in [`Broker::dropped`], where the
//! at-least-once strategy would keep trying.
//!
//! Generated scripts run on this and on RabbitMQ and must agree in all that clients can see
//! (`tests/broker/mod.rs`). Intended differences, each with its test in `tests/broker/differences.rs`:
//!
//! | what | here | RabbitMQ (3.10 was looked at) | test |
//! |---|---|---|---|
//! | `x-max-length`, `reject-publish` | exact | channels hear late that a queue is full: a few more pass | `a_full_queue_lets_a_few_more_pass` |
//! | requeue without `x-delivery-limit` | before all never delivered, as 4.0 | 3.10: behind all | `without_a_delivery_limit_3_10_requeues_at_the_tail` |
//! | a requeue over the delivery limit | gives its consumer room for one more | 3.10: for two, so that it holds more than its prefetch | `a_requeue_over_the_limit_gives_too_much_room_in_3_10` |
//! | what several consumers of a queue on one lost channel held | returns in the order of tags | consumer by consumer, by name | `several_consumers_of_a_queue_on_one_channel_give_back_one_after_the_other` |

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

mod connection;
mod death;
mod delivery;
mod exchange;
mod ids;
mod journal;
mod operator;
mod publish;
mod queue;
#[cfg(test)]
mod script;
mod stored;
#[cfg(test)]
mod testing;
mod topic;
mod topology;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stormproof_ports::time::Time;
pub use stormproof_ports::topology::{Binding, DeadLetter, QueueSpec, Topology};

pub use connection::Delivered;
pub use ids::{ConnectionId, ConsumerId};
pub use journal::{Change, Place};
pub use publish::Published;
pub use queue::Queue;
pub use stored::{Death, DeathReason, Stored};

/// A broker's whole state: plain data, equal histories give equal states.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    exchanges: BTreeMap<Arc<str>, exchange::Exchange>,
    /// Queues by [`ids::Slot`], in order of declaration.
    queues: Vec<Queue>,
    slots: BTreeMap<Arc<str>, ids::Slot>,
    /// Slots of the queues with a TTL, so that looking for deadlines skips all others.
    expiring: Vec<ids::Slot>,
    connections: BTreeMap<ConnectionId, connection::Connection>,
    last_connection: u64,
    /// Publishes that wait for the next sync, oldest first.
    pending: Vec<publish::Pending>,
    last_serial: u64,
    /// Queues where something changed since they were last served.
    awake: BTreeSet<ids::Slot>,
    dropped: u64,
    /// What changed since the host last asked, if it asks at all.
    changes: Option<Vec<Change>>,
}

/// Why the broker refused an operation. AMQP closes the channel after any of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// There is none of that name.
    #[error("NOT_FOUND - no {kind} '{name}'")]
    NotFound {
        /// `queue`, `exchange`, …
        kind: &'static str,
        /// What was asked for.
        name: String,
    },
    /// It is not as it must be: a queue that exists otherwise, a delivery that is not held.
    #[error("PRECONDITION_FAILED - {0}")]
    PreconditionFailed(String),
    /// It is not the client's to do.
    #[error("ACCESS_REFUSED - {0}")]
    AccessRefused(&'static str),
    /// The connection was closed, or the broker crashed since it was opened.
    #[error("not connected: {0:?}")]
    NotConnected(ConnectionId),
}

impl Broker {
    /// A broker without queues; only the default exchange exists.
    pub fn new() -> Broker {
        Broker::default()
    }

    /// The power goes and comes back: what was not synced and every connection are lost. What was
    /// delivered and not acknowledged returns to its queue, in the order in which it once arrived.
    pub fn crash(&mut self, now: Time) {
        self.pending.clear();
        self.connections.clear();
        for queue in &mut self.queues {
            queue.forget_sessions();
        }
        // Collected before the first return: a return may dead-letter into any queue.
        let held: Vec<_> = self.queues.iter_mut().map(Queue::release_all).collect();
        for (slot, messages) in held.into_iter().enumerate() {
            for stored in messages.into_values() {
                self.give_back(slot, stored, now);
            }
        }
    }

    /// Whether a publish waits for [`Broker::sync`].
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// How many publishes wait for [`Broker::sync`].
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn next_serial(&mut self) -> u64 {
        self.last_serial += 1;
        self.last_serial
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;

    #[test]
    fn a_crash_loses_what_was_not_synced_and_keeps_the_rest() {
        let mut rig = Rig::new(&["work"]);
        rig.send("work", "safe");
        rig.publish("work", "lost");
        assert_eq!((rig.broker.pending(), rig.broker.has_pending()), (1, true));
        rig.broker.crash(T0);
        assert!(!rig.broker.has_pending());
        assert!(rig.broker.sync().is_empty());
        assert_eq!(rig.ready("work"), ["safe"]);
    }

    #[test]
    fn a_crash_returns_deliveries_as_redelivered_and_ends_connections() {
        let mut rig = Rig::new(&["work"]);
        let (first, second) = (rig.consume("work", 2), rig.consume("work", 2));
        for id in ["a", "b", "c", "d", "e"] {
            rig.send("work", id);
        }
        assert_eq!(rig.deliver().len(), 4);
        rig.broker.crash(T0);
        assert_eq!(rig.ready("work"), ["a", "b", "c", "d", "e"]);
        assert!(rig.broker.ack(first.connection, 1).is_err());
        assert!(rig.broker.consume(second.connection, "work", 1).is_err());
        assert!(rig.deliver().is_empty());

        rig.consume("work", 0);
        let redelivered: Vec<_> = rig.deliver().iter().map(|(_, it)| it.redelivered).collect();
        assert_eq!(redelivered, [true, true, true, true, false]);
    }

    #[test]
    fn a_crash_counts_towards_the_delivery_limit() {
        let mut rig = Rig::new(&["work.dlq"]);
        rig.limited("work", 0);
        rig.consume("work", 1);
        rig.send("work", "poison");
        rig.deliver();
        rig.broker.crash(T0);
        assert_eq!(rig.ready("work.dlq"), ["poison"]);
    }
}
