//! Consuming: whose turn it is, and what consumers say of what they got.
//!
//! Where a rejected or too often returned message goes is `death`'s.

use std::sync::Arc;

use super::connection::{Consumer, Delivered, Held};
use super::ids::{ConnectionId, ConsumerId, Slot};
use super::journal::Change;
use super::stored::{DeathReason, Stored};
use super::{Broker, BrokerError};
use stormproof_ports::time::Time;

impl Broker {
    /// Starts a consumer of `queue` that holds at most `prefetch` unsettled deliveries (0: any
    /// number).
    ///
    /// # Errors
    /// No such connection or queue.
    pub fn consume(
        &mut self,
        connection: ConnectionId,
        queue: &str,
        prefetch: u16,
    ) -> Result<ConsumerId, BrokerError> {
        let slot = self.slot(queue)?;
        let owner = self.connection(connection)?;
        owner.last_consumer += 1;
        let number = owner.last_consumer;
        owner.consumers.insert(number, Consumer { queue: slot, prefetch, unacknowledged: 0 });
        let id = ConsumerId { connection, number };
        let queue = &mut self.queues[slot];
        queue.consumers += 1;
        queue.service.push_back(id);
        self.awake.insert(slot);
        Ok(id)
    }

    /// Ends a consumer. What it got stays with its connection, to be settled there, as in AMQP. An
    /// unknown consumer is none the worse.
    pub fn cancel(&mut self, id: ConsumerId) {
        let Some(owner) = self.connections.get_mut(&id.connection) else { return };
        let Some(consumer) = owner.consumers.remove(&id.number) else { return };
        self.retire(id, &consumer);
    }

    /// Hands ready messages to consumers with room, in turns, after expiring what is due before them.
    /// Cheap if nothing changed since the last call.
    pub fn deliver(&mut self, now: Time) -> Vec<(ConsumerId, Delivered)> {
        let mut delivered = Vec::new();
        // A dead letter may wake a queue that was served already.
        while let Some(slot) = self.awake.pop_first() {
            self.serve(slot, now, &mut delivered);
        }
        delivered
    }

    /// Settles a delivery as done.
    ///
    /// # Errors
    /// The connection holds no such delivery.
    pub fn ack(&mut self, connection: ConnectionId, tag: u64) -> Result<(), BrokerError> {
        let (_, stored) = self.settle(connection, tag)?;
        self.note(|| Change::Removed { serial: stored.serial });
        Ok(())
    }

    /// Settles a delivery as failed: with `requeue` it goes back and its count is raised, without
    /// it dies.
    ///
    /// # Errors
    /// The connection holds no such delivery.
    pub fn reject(
        &mut self,
        connection: ConnectionId,
        tag: u64,
        requeue: bool,
        now: Time,
    ) -> Result<(), BrokerError> {
        let (slot, stored) = self.settle(connection, tag)?;
        if requeue {
            self.give_back(slot, stored, now);
        } else {
            self.bury(slot, stored, DeathReason::Rejected, now);
        }
        Ok(())
    }

    /// Returns a message that a consumer could not finish, unless that was once too often.
    pub(super) fn give_back(&mut self, slot: Slot, mut stored: Stored, now: Time) {
        stored.delivery_count += 1;
        let queue = &mut self.queues[slot];
        if queue.spec.delivery_limit.is_some_and(|limit| stored.delivery_count > limit) {
            self.bury(slot, stored, DeathReason::DeliveryLimit, now);
        } else {
            let (serial, delivery_count) = (stored.serial, stored.delivery_count);
            queue.give_back(stored);
            self.awake.insert(slot);
            self.note(|| Change::GivenBack { serial, delivery_count });
        }
    }

    /// Takes a consumer that its connection no longer has out of its queue's turns.
    pub(super) fn retire(&mut self, id: ConsumerId, consumer: &Consumer) {
        let queue = &mut self.queues[consumer.queue];
        queue.consumers -= 1;
        queue.service.retain(|other| *other != id);
    }

    fn serve(&mut self, slot: Slot, now: Time, delivered: &mut Vec<(ConsumerId, Delivered)>) {
        loop {
            self.expire(slot, now);
            let queue = &mut self.queues[slot];
            if queue.ready_count() == 0 {
                return;
            }
            let Some(id) = queue.service.pop_front() else { return };
            let owner = self.connections.get_mut(&id.connection).expect("lost ones are retired");
            let consumer = owner.consumers.get_mut(&id.number).expect("cancelled ones are retired");
            let stored = queue.hand_out().expect("the queue was not empty");
            if let Some(changes) = &mut self.changes {
                changes.push(Change::HandedOut { serial: stored.serial });
            }
            owner.last_tag += 1;
            let tag = owner.last_tag;
            let held = Held { queue: slot, serial: stored.serial, consumer: id.number };
            owner.held.insert(tag, held);
            let handed = Delivered {
                tag,
                redelivered: stored.redelivered(),
                delivery_count: stored.delivery_count,
                message: Arc::clone(&stored.message),
            };
            delivered.push((id, handed));
            consumer.unacknowledged += 1;
            if consumer.has_room() {
                queue.service.push_back(id);
            }
        }
    }

    /// Takes a delivery back from its connection; its consumer, if full before, gets a turn again.
    fn settle(&mut self, id: ConnectionId, tag: u64) -> Result<(Slot, Stored), BrokerError> {
        let owner = self.connection(id)?;
        let unknown = || BrokerError::PreconditionFailed(format!("unknown delivery tag {tag}"));
        let held = owner.held.remove(&tag).ok_or_else(unknown)?;
        let mut has_turn = false;
        if let Some(consumer) = owner.consumers.get_mut(&held.consumer) {
            has_turn = !consumer.has_room();
            consumer.unacknowledged -= 1;
        }
        if has_turn {
            let turn = ConsumerId { connection: id, number: held.consumer };
            self.queues[held.queue].service.push_back(turn);
            self.awake.insert(held.queue);
        }
        Ok((held.queue, self.queues[held.queue].release(held.serial)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn consumers_take_turns_up_to_their_prefetch() {
        let mut rig = Rig::new(&["work"]);
        let (first, second) = (rig.consume("work", 1), rig.consume("work", 2));
        for id in ["a", "b", "c", "d"] {
            rig.send("work", id);
        }
        let who: Vec<_> = rig.deliver().into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, [first, second, second]);
        assert!(rig.deliver().is_empty());
        assert_eq!(
            (rig.queue("work").ready_count(), rig.queue("work").unacknowledged_count()),
            (1, 3)
        );

        rig.broker.ack(first.connection, 1).unwrap();
        let next = rig.deliver();
        assert_eq!((next[0].0, next[0].1.tag, &*next[0].1.message.message_id), (first, 2, "d"));
        assert_eq!(rig.broker.depth("work"), Ok(3));
    }

    #[test]
    fn consumers_with_equal_room_alternate_and_get_all_their_room_back() {
        let mut rig = Rig::new(&["work"]);
        let (first, second) = (rig.consume("work", 2), rig.consume("work", 2));
        for id in ["a", "b", "c", "d", "e", "f"] {
            rig.send("work", id);
        }
        let who: Vec<_> = rig.deliver().into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, [first, second, first, second]);
        for tag in [1, 2] {
            rig.broker.ack(second.connection, tag).unwrap();
        }
        let who: Vec<_> = rig.deliver().into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, [second, second]);
    }

    #[test]
    fn what_one_consumer_gives_back_another_gets() {
        let mut rig = Rig::new(&["work"]);
        let (first, second) = (rig.consume("work", 1), rig.consume("work", 1));
        rig.send("work", "a");
        assert_eq!(rig.deliver()[0].0, first);
        rig.broker.disconnect(first.connection, T0);
        let delivered = rig.deliver();
        assert_eq!((delivered.len(), delivered[0].0), (1, second));
    }

    #[test]
    fn tags_count_up_over_the_consumers_of_a_connection() {
        let mut rig = Rig::new(&["one", "two"]);
        let connection = rig.broker.connect();
        for queue in ["one", "two"] {
            rig.broker.consume(connection, queue, 0).unwrap();
            rig.send(queue, "a");
            rig.send(queue, "b");
        }
        let tags: Vec<_> = rig.deliver().iter().map(|(_, it)| it.tag).collect();
        assert_eq!(tags, [1, 2, 3, 4]);
    }

    #[test]
    fn consuming_what_does_not_exist_is_an_error() {
        let mut rig = Rig::new(&[]);
        let error = rig.broker.consume(rig.publisher, "none", 1).unwrap_err().to_string();
        assert_eq!(error, "NOT_FOUND - no queue 'none'");
    }

    #[test]
    fn a_tag_can_be_settled_once_and_by_its_connection_only() {
        let mut rig = Rig::new(&["work"]);
        let consumer = rig.consume("work", 1);
        rig.send("work", "a");
        rig.deliver();
        assert!(rig.broker.ack(rig.publisher, 1).is_err());
        assert!(rig.broker.reject(consumer.connection, 2, true, T0).is_err());
        rig.broker.ack(consumer.connection, 1).unwrap();
        let error = rig.broker.ack(consumer.connection, 1).unwrap_err().to_string();
        assert_eq!(error, "PRECONDITION_FAILED - unknown delivery tag 1");
        assert!(rig.broker.reject(consumer.connection, 1, false, T0).is_err());
        assert_eq!(rig.queue("work").depth(), 0);
    }

    #[test]
    fn requeued_messages_go_before_fresh_ones_in_order_of_return() {
        let mut rig = Rig::new(&["work"]);
        let consumer = rig.consume("work", 2);
        for id in ["a", "b", "c"] {
            rig.send("work", id);
        }
        rig.deliver();
        rig.broker.reject(consumer.connection, 2, true, T0).unwrap();
        rig.broker.reject(consumer.connection, 1, true, T0).unwrap();
        assert_eq!(rig.ready("work"), ["b", "a", "c"]);
        let again = rig.deliver();
        assert!(again.iter().all(|(_, it)| it.redelivered && it.delivery_count == 1));
        assert_eq!(again.len(), 2);
    }

    #[test]
    fn over_the_delivery_limit_a_message_dies() {
        let mut rig = Rig::new(&["work.dlq"]);
        rig.limited("work", 2);
        let consumer = rig.consume("work", 1);
        rig.send("work", "poison");
        for count in 0..3 {
            let delivered = rig.deliver();
            assert_eq!(delivered[0].1.delivery_count, count);
            rig.broker.reject(consumer.connection, delivered[0].1.tag, true, T0).unwrap();
        }
        assert!(rig.deliver().is_empty());
        assert_eq!(rig.deaths("work.dlq"), [("work".into(), DeathReason::DeliveryLimit, 1)]);
        // The count belongs to the queue; the dead letter starts anew.
        assert!(!rig.queue("work.dlq").ready().next().unwrap().redelivered());
    }

    #[test]
    fn a_cancelled_consumer_gets_nothing_more_and_can_still_settle() {
        let mut rig = Rig::new(&["work"]);
        let consumer = rig.consume("work", 1);
        rig.send("work", "a");
        rig.send("work", "b");
        rig.deliver();
        rig.broker.cancel(consumer);
        rig.broker.cancel(consumer);
        assert_eq!((rig.queue("work").consumer_count(), rig.queue("work").depth()), (0, 2));
        rig.broker.ack(consumer.connection, 1).unwrap();
        assert!(rig.deliver().is_empty());
        assert_eq!(rig.ready("work"), ["b"]);
    }
}
