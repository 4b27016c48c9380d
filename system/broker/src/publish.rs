//! Publishing: routing, refusing, and making safe.
//!
//! When to sync is the host's choice: after every publish, or after a batch of them.

use std::mem;
use std::sync::Arc;

use super::ids::{ConnectionId, Slot};
use super::journal::Change;
use super::stored::{Death, Stored};
use super::{Broker, BrokerError};
use stormproof_ports::Message;
use stormproof_ports::time::Time;

/// What becomes of a publish. Its sequence is the confirm's delivery tag: from 1, per connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// [`Broker::sync`] will say when to ack it.
    Accepted {
        /// The number of the publish on its connection, from 1.
        sequence: u64,
    },
    /// No queue for a mandatory message: send it back (`basic.return`), then ack. Nothing is kept.
    Returned {
        /// The number of the publish on its connection, from 1.
        sequence: u64,
    },
    /// A queue is full: send a nack. Other queues may still get their copy.
    Refused {
        /// The number of the publish on its connection, from 1.
        sequence: u64,
    },
}

/// A publish that waits for a sync.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    message: Arc<Message>,
    queues: Vec<Slot>,
    at: Time,
    /// Whom to tell; a refused publish has had its answer.
    confirm: Option<(ConnectionId, u64)>,
}

impl Broker {
    /// Publishes at time `now`.
    ///
    /// # Errors
    /// No such connection or exchange.
    pub fn publish(
        &mut self,
        connection: ConnectionId,
        message: Message,
        mandatory: bool,
        now: Time,
    ) -> Result<Published, BrokerError> {
        self.connection(connection)?;
        let mut queues = self.route(&message.exchange, &message.routing_key)?;
        let publisher = self.connection(connection)?;
        publisher.last_sequence += 1;
        let sequence = publisher.last_sequence;
        if queues.is_empty() && mandatory {
            return Ok(Published::Returned { sequence });
        }

        let routed = queues.len();
        queues.retain(|slot| self.queues[*slot].has_room());
        let refused = queues.len() < routed;
        for slot in &queues {
            self.queues[*slot].arriving += 1;
        }
        if !(refused && queues.is_empty()) {
            let confirm = (!refused).then_some((connection, sequence));
            self.pending.push(Pending { message: Arc::new(message), queues, at: now, confirm });
        }
        Ok(if refused { Published::Refused { sequence } } else { Published::Accepted { sequence } })
    }

    /// Makes every pending publish durable and ready for delivery. Returns what to confirm, in order
    /// of publishing, without the connections that are gone.
    pub fn sync(&mut self) -> Vec<(ConnectionId, u64)> {
        let mut confirms = Vec::with_capacity(self.pending.len());
        let mut pending = mem::take(&mut self.pending);
        for Pending { message, queues, at, confirm } in pending.drain(..) {
            for slot in queues {
                self.queues[slot].arriving -= 1;
                self.store(slot, Arc::clone(&message), Vec::new(), at);
            }
            confirms.extend(confirm.filter(|(id, _)| self.connections.contains_key(id)));
        }
        // The emptied list goes back for its capacity.
        self.pending = pending;
        confirms
    }

    /// Adds a message at a queue's end.
    pub(super) fn store(
        &mut self,
        slot: Slot,
        message: Arc<Message>,
        deaths: Vec<Death>,
        at: Time,
    ) {
        let serial = self.next_serial();
        let queue = &mut self.queues[slot];
        let expires_at = queue.deadline(at);
        let stored = Stored { serial, message, delivery_count: 0, expires_at, deaths };
        if let Some(changes) = &mut self.changes {
            let queue = Arc::clone(&queue.name);
            changes.push(Change::Arrived { queue, stored: stored.clone() });
        }
        queue.push(stored);
        self.awake.insert(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::super::QueueSpec;
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_publish_is_delivered_and_confirmed_after_the_sync() {
        let mut rig = Rig::new(&["work"]);
        rig.consume("work", 0);
        assert_eq!(rig.publish("work", "a"), Published::Accepted { sequence: 1 });
        assert_eq!(rig.publish("work", "b"), Published::Accepted { sequence: 2 });
        assert!(rig.deliver().is_empty() && rig.ready("work").is_empty());
        assert_eq!(rig.broker.sync(), [(rig.publisher, 1), (rig.publisher, 2)]);
        assert_eq!(rig.deliver().len(), 2);
        assert!(rig.broker.sync().is_empty());
    }

    #[test]
    fn sequences_are_counted_per_connection() {
        let mut rig = Rig::new(&["work"]);
        rig.publish("work", "a");
        let other = rig.broker.connect();
        let published = rig.broker.publish(other, message("", "work", "b"), true, T0);
        assert_eq!(published, Ok(Published::Accepted { sequence: 1 }));
        assert_eq!(rig.broker.sync(), [(rig.publisher, 1), (other, 1)]);
    }

    #[test]
    fn every_bound_queue_gets_one_copy() {
        let mut rig = Rig::new(&["one", "two", "rest"]);
        rig.broker.declare_exchange("topics").unwrap();
        for (queue, pattern) in [("one", "item.#"), ("one", "item.*"), ("two", "#"), ("rest", "x")]
        {
            rig.broker.bind(queue, "topics", pattern).unwrap();
        }
        let sent = message("topics", "item.new", "a");
        rig.broker.publish(rig.publisher, sent, true, T0).unwrap();
        assert_eq!(rig.broker.sync().len(), 1);
        assert_eq!((rig.ready("one"), rig.ready("two")), (vec!["a".into()], vec!["a".into()]));
        assert!(rig.ready("rest").is_empty());
    }

    #[test]
    fn an_unroutable_message_is_returned_if_mandatory_and_else_confirmed() {
        let mut rig = Rig::new(&["work"]);
        assert_eq!(rig.publish("none", "a"), Published::Returned { sequence: 1 });
        assert!(!rig.broker.has_pending());
        let published = rig.broker.publish(rig.publisher, message("", "none", "b"), false, T0);
        assert_eq!(published, Ok(Published::Accepted { sequence: 2 }));
        assert_eq!(rig.broker.sync(), [(rig.publisher, 2)]);
        assert!(rig.broker.queues().all(|queue| queue.depth() == 0));
    }

    #[test]
    fn an_unknown_exchange_is_an_error() {
        let mut rig = Rig::new(&["work"]);
        let error =
            rig.broker.publish(rig.publisher, message("none", "a", "a"), true, T0).unwrap_err();
        assert_eq!(error.to_string(), "NOT_FOUND - no exchange 'none'");
    }

    #[test]
    fn a_full_queue_refuses_and_its_neighbour_does_not() {
        let mut rig = Rig::new(&["large"]);
        rig.declare(QueueSpec { max_length: Some(2), ..QueueSpec::named("small") });
        rig.broker.declare_exchange("topics").unwrap();
        for queue in ["large", "small"] {
            rig.broker.bind(queue, "topics", "#").unwrap();
        }
        rig.send("small", "a");
        rig.publish("small", "pending counts too");
        let sent = message("topics", "x", "b");
        let published = rig.broker.publish(rig.publisher, sent, true, T0);
        assert_eq!(published, Ok(Published::Refused { sequence: 3 }));
        assert_eq!(rig.publish("small", "c"), Published::Refused { sequence: 4 });
        assert_eq!(rig.broker.sync(), [(rig.publisher, 2)]);
        assert_eq!((rig.queue("small").depth(), rig.ready("large")), (2, vec!["b".into()]));

        // What a crash took does not count, nor what a consumer holds.
        rig.broker.purge("small").unwrap();
        rig.publish("small", "lost");
        rig.publish("small", "lost too");
        rig.broker.crash(T0);
        rig.publisher = rig.broker.connect();
        rig.send("small", "e");
        rig.send("small", "f");
        rig.consume("small", 1);
        rig.deliver();
        assert_eq!(rig.publish("small", "g"), Published::Accepted { sequence: 3 });
    }
}
