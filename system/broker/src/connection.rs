//! Connections, each with one channel in confirm mode, and what they hold.
//!
//! What a lost connection held goes back to its queues; the giving back itself is `delivery`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ids::{ConnectionId, ConsumerId, Slot};
use super::{Broker, BrokerError};
use stormproof_ports::Message;
use stormproof_ports::time::Time;

/// A message handed to a consumer, to be settled by its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// From 1, per connection.
    pub tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// How many deliveries from this queue came back before this one.
    pub delivery_count: u32,
    /// The message itself.
    pub message: Arc<Message>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    pub(super) last_sequence: u64,
    pub(super) last_tag: u64,
    pub(super) last_consumer: u64,
    pub(super) consumers: BTreeMap<u64, Consumer>,
    /// What was delivered and not settled, by tag.
    pub(super) held: BTreeMap<u64, Held>,
}

#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) queue: Slot,
    /// 0: unlimited, as in AMQP.
    pub(super) prefetch: u16,
    pub(super) unacknowledged: usize,
}

/// A delivery that waits to be settled. Its consumer may be cancelled by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) queue: Slot,
    pub(super) serial: u64,
    pub(super) consumer: u64,
}

impl Consumer {
    pub(super) fn has_room(&self) -> bool {
        self.prefetch == 0 || self.unacknowledged < usize::from(self.prefetch)
    }
}

impl Broker {
    /// Opens a connection.
    pub fn connect(&mut self) -> ConnectionId {
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        self.connections.insert(id, Connection::default());
        id
    }

    /// Ends a connection and its consumers; what it held returns in the order of its tags. Publishes
    /// not yet synced stay, but nobody hears their confirms. An unknown connection is none the worse.
    pub fn disconnect(&mut self, id: ConnectionId, now: Time) {
        let Some(connection) = self.connections.remove(&id) else { return };
        for (number, consumer) in &connection.consumers {
            self.retire(ConsumerId { connection: id, number: *number }, consumer);
        }
        for held in connection.held.into_values() {
            let stored = self.queues[held.queue].release(held.serial);
            self.give_back(held.queue, stored, now);
        }
    }

    pub(super) fn connection(&mut self, id: ConnectionId) -> Result<&mut Connection, BrokerError> {
        self.connections.get_mut(&id).ok_or(BrokerError::NotConnected(id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn a_lost_connection_gives_back_at_the_head_in_order() {
        let mut rig = Rig::new(&["work"]);
        let consumer = rig.consume("work", 3);
        for id in ["a", "b", "c", "d"] {
            rig.send("work", id);
        }
        rig.deliver();
        rig.broker.ack(consumer.connection, 2).unwrap();
        assert_eq!(rig.deliver().len(), 1);
        rig.send("work", "e");
        rig.broker.disconnect(consumer.connection, T0);
        assert_eq!(rig.ready("work"), ["a", "c", "d", "e"]);
        assert_eq!(rig.queue("work").consumer_count(), 0);

        rig.consume("work", 0);
        let counts: Vec<_> = rig.deliver().iter().map(|(_, it)| it.delivery_count).collect();
        assert_eq!(counts, [1, 1, 1, 0]);
    }

    #[test]
    fn a_lost_connection_counts_towards_the_delivery_limit() {
        let mut rig = Rig::new(&["work.dlq"]);
        rig.limited("work", 1);
        rig.send("work", "poison");
        for expected in [(1, 0), (0, 1)] {
            let consumer = rig.consume("work", 1);
            assert_eq!(rig.deliver().len(), 1);
            rig.broker.disconnect(consumer.connection, T0);
            let depths = (rig.queue("work").depth(), rig.queue("work.dlq").depth());
            assert_eq!(depths, expected);
        }
    }

    #[test]
    fn publishes_outlive_their_connection_but_their_confirms_do_not() {
        let mut rig = Rig::new(&["work"]);
        rig.publish("work", "a");
        rig.broker.disconnect(rig.publisher, T0);
        assert!(rig.broker.sync().is_empty());
        assert_eq!(rig.ready("work"), ["a"]);
    }

    #[test]
    fn a_lost_connection_can_do_nothing_more() {
        let mut rig = Rig::new(&["work"]);
        let gone = rig.broker.connect();
        rig.broker.disconnect(gone, T0);
        rig.broker.disconnect(gone, T0);
        assert!(rig.broker.publish(gone, message("", "work", "a"), true, T0).is_err());
        assert!(rig.broker.consume(gone, "work", 1).is_err());
        assert!(rig.broker.ack(gone, 1).is_err());
        assert_ne!(rig.broker.connect(), gone);
    }
}
