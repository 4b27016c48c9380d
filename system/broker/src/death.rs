//! The ways out of a queue other than an ack: expiry, and the road of dead letters.

use std::sync::Arc;

use super::Broker;
use super::ids::Slot;
use super::journal::Change;
use super::stored::{DeathReason, Stored};
use stormproof_ports::time::Time;

impl Broker {
    /// Expires the messages at the heads of queues whose time has come. Returns how many there were.
    pub fn advance(&mut self, now: Time) -> usize {
        let mut expired = 0;
        // A dead letter may be due at once where it arrives. The rounds end: what goes in a circle
        // by expiring is dropped.
        loop {
            let mut round = 0;
            for index in 0..self.expiring.len() {
                round += self.expire(self.expiring[index], now);
            }
            if round == 0 {
                return expired;
            }
            expired += round;
        }
    }

    /// When to call [`Broker::advance`] next: the earliest deadline at the head of a queue.
    pub fn next_deadline(&self) -> Option<Time> {
        self.expiring.iter().filter_map(|slot| self.queues[*slot].head_deadline()).min()
    }

    /// How many given-up messages found no queue that takes them, and are gone for good.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Expires the head of a queue as long as it is due.
    pub(super) fn expire(&mut self, slot: Slot, now: Time) -> usize {
        let mut expired = 0;
        while let Some(stored) = self.queues[slot].take_expired(now) {
            self.bury(slot, stored, DeathReason::Expired, now);
            expired += 1;
        }
        expired
    }

    /// Sends a message that left its queue undone to where the queue's dead letters go.
    pub(super) fn bury(&mut self, slot: Slot, mut stored: Stored, reason: DeathReason, now: Time) {
        let serial = stored.serial;
        self.note(|| Change::Removed { serial });
        let queue = &self.queues[slot];
        let Some(target) = &queue.spec.dead_letter else {
            self.dropped += 1;
            return;
        };
        stored.record_death(&queue.name, reason, now);
        // RabbitMQ too drops dead letters for an exchange that does not exist.
        let mut takers = self.route(&target.exchange, &target.routing_key).unwrap_or_default();
        takers.retain(|taker| {
            let queue = &self.queues[*taker];
            queue.has_room() && !stored.cycles_to(&queue.name)
        });
        if takers.is_empty() {
            self.dropped += 1;
            return;
        }
        let message = Arc::make_mut(&mut stored.message);
        message.exchange.clone_from(&target.exchange);
        message.routing_key.clone_from(&target.routing_key);
        for taker in takers {
            self.store(taker, Arc::clone(&stored.message), stored.deaths.clone(), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::*;
    use super::super::{DeadLetter, QueueSpec};
    use super::*;

    /// A queue whose messages go to `target` of the default exchange after `millis`.
    fn timed(name: &str, millis: u64, target: &str) -> QueueSpec {
        let message_ttl = Some(Duration::from_millis(millis));
        let routing_key = target.to_owned();
        let dead_letter = Some(DeadLetter { exchange: String::new(), routing_key });
        QueueSpec { message_ttl, dead_letter, ..QueueSpec::named(name) }
    }

    #[test]
    fn a_rejected_message_keeps_its_identity_and_its_history() {
        let mut rig = Rig::new(&["work.dlq"]);
        rig.limited("work", 2);
        rig.broker.declare_exchange("topics").unwrap();
        rig.broker.bind("work", "topics", "item.#").unwrap();
        let consumer = rig.consume("work", 1);
        let sent = message("topics", "item.new", "a");
        rig.broker.publish(rig.publisher, sent.clone(), true, T0).unwrap();
        rig.broker.sync();
        rig.deliver();
        rig.broker.reject(consumer.connection, 1, false, T0).unwrap();

        let dead = rig.queue("work.dlq").ready().next().unwrap();
        let expected = stormproof_ports::Message {
            exchange: String::new(),
            routing_key: "work.dlq".into(),
            ..sent
        };
        assert_eq!(*dead.message, expected);
        let death = &dead.deaths[0];
        assert_eq!((&*death.exchange, &*death.routing_key), ("topics", "item.new"));
        assert_eq!(rig.deaths("work.dlq"), [("work".into(), DeathReason::Rejected, 1)]);
        assert_eq!(rig.broker.dropped(), 0);
    }

    #[test]
    fn a_retry_queue_gives_back_after_its_delay() {
        let mut rig = Rig::new(&["work"]);
        rig.declare(timed("work.retry", 30, "work"));
        rig.consume("work", 1);
        rig.send_at("work.retry", "a", T0);
        rig.send_at("work.retry", "b", at(10));
        assert_eq!(rig.broker.next_deadline(), Some(at(30)));
        assert_eq!(rig.broker.advance(at(29)), 0);
        assert_eq!(rig.broker.advance(at(30)), 1);
        assert_eq!(rig.broker.next_deadline(), Some(at(40)));
        let delivered = rig.deliver();
        assert_eq!((&*delivered[0].1.message.message_id, delivered[0].1.redelivered), ("a", false));
        assert_eq!(rig.broker.advance(at(100)), 1);
        assert_eq!(rig.broker.next_deadline(), None);
        assert_eq!(rig.deaths("work"), [("work.retry".into(), DeathReason::Expired, 1)]);
    }

    #[test]
    fn rejecting_into_a_retry_queue_goes_round_and_counts() {
        let mut rig = Rig::new(&[]);
        let dead_letter =
            Some(DeadLetter { exchange: String::new(), routing_key: "work.retry".into() });
        rig.declare(QueueSpec { dead_letter, ..QueueSpec::named("work") });
        rig.declare(timed("work.retry", 30, "work"));
        let consumer = rig.consume("work", 1);
        rig.send("work", "a");
        for round in 0..3 {
            let tag = rig.deliver()[0].1.tag;
            let now = at(round * 30);
            rig.broker.reject(consumer.connection, tag, false, now).unwrap();
            assert_eq!(rig.broker.next_deadline(), Some(at(round * 30 + 30)));
            assert_eq!(rig.broker.advance(at(round * 30 + 30)), 1);
        }
        let expected = [
            ("work.retry".into(), DeathReason::Expired, 3),
            ("work".into(), DeathReason::Rejected, 3),
        ];
        assert_eq!(rig.deaths("work"), expected);
    }

    #[test]
    fn what_is_due_is_not_handed_out() {
        let mut rig = Rig::new(&["late"]);
        rig.declare(timed("work", 30, "late"));
        rig.send_at("work", "a", T0);
        rig.send_at("work", "b", T0);
        rig.send_at("work", "c", at(10));
        rig.consume("work", 0);
        let delivered = rig.broker.deliver(at(35));
        assert_eq!(delivered.len(), 1);
        assert_eq!(&*delivered[0].1.message.message_id, "c");
        assert_eq!(rig.ready("late"), ["a", "b"]);
        // In a consumer's hands nothing expires.
        assert_eq!((rig.broker.advance(at(99)), rig.broker.next_deadline()), (0, None));
    }

    #[test]
    fn a_circle_of_expiries_is_cut() {
        let mut rig = Rig::new(&[]);
        rig.declare(timed("one", 0, "two"));
        rig.declare(timed("two", 0, "one"));
        rig.declare(timed("self", 5, "self"));
        rig.send_at("one", "a", T0);
        rig.send_at("self", "b", T0);
        let mut expired = 0;
        for millis in 1..20 {
            expired += rig.broker.advance(at(millis));
        }
        assert_eq!((expired, rig.broker.dropped(), rig.broker.next_deadline()), (3, 2, None));
    }

    #[test]
    fn a_rejection_may_go_back_to_the_same_queue() {
        let mut rig = Rig::new(&[]);
        let dead_letter = Some(DeadLetter { exchange: String::new(), routing_key: "work".into() });
        rig.declare(QueueSpec { dead_letter, ..QueueSpec::named("work") });
        let consumer = rig.consume("work", 1);
        rig.send("work", "a");
        for _ in 0..3 {
            let tag = rig.deliver()[0].1.tag;
            rig.broker.reject(consumer.connection, tag, false, T0).unwrap();
        }
        assert_eq!(rig.deaths("work"), [("work".into(), DeathReason::Rejected, 3)]);
    }

    #[test]
    fn the_next_deadline_is_the_earliest_and_never_at_once() {
        let mut rig = Rig::new(&[]);
        for (name, millis) in [("slow", 30), ("quick", 0), ("middle", 20)] {
            rig.declare(timed(name, millis, "none"));
        }
        assert_eq!(rig.broker.next_deadline(), None);
        for (queue, millis) in [("slow", 30), ("middle", 20), ("quick", 1)] {
            rig.send(queue, "a");
            assert_eq!(rig.broker.next_deadline(), Some(at(millis)));
        }
    }

    #[test]
    fn what_nobody_takes_is_dropped_and_counted() {
        let mut rig = Rig::new(&["plain"]);
        rig.declare(timed("to nowhere", 10, "none"));
        rig.declare(timed("to full", 10, "full"));
        rig.declare(QueueSpec { max_length: Some(0), ..QueueSpec::named("full") });
        let mut lost = timed("to no exchange", 10, "x");
        lost.dead_letter.as_mut().unwrap().exchange = "none".into();
        rig.declare(lost);
        for queue in ["to nowhere", "to full", "to no exchange"] {
            rig.send(queue, "a");
        }
        assert_eq!((rig.broker.advance(at(10)), rig.broker.dropped()), (3, 3));

        let consumer = rig.consume("plain", 1);
        rig.send("plain", "a");
        rig.deliver();
        rig.broker.reject(consumer.connection, 1, false, T0).unwrap();
        assert_eq!(rig.broker.dropped(), 4);
        assert!(rig.broker.queues().all(|queue| queue.depth() == 0));
    }

    #[test]
    fn a_dead_letter_reaches_every_bound_queue() {
        let mut rig = Rig::new(&["dlq", "audit"]);
        let mut spec = timed("work", 10, "dead.work");
        spec.dead_letter.as_mut().unwrap().exchange = "graveyard".into();
        rig.declare(spec);
        rig.broker.declare_exchange("graveyard").unwrap();
        rig.broker.bind("dlq", "graveyard", "dead.*").unwrap();
        rig.broker.bind("audit", "graveyard", "#").unwrap();
        rig.send("work", "a");
        rig.broker.advance(at(10));
        assert_eq!((rig.ready("dlq"), rig.ready("audit")), (vec!["a".into()], vec!["a".into()]));
    }
}
