//! For those who stand outside: looking in, emptying dead-letter queues, and causing trouble.
//!
//! Operators, tests and the simulator's invariants and faults use this; clients cannot.

use std::sync::Arc;

use super::journal::Change;
use super::queue::Queue;
use super::stored::Stored;
use super::{Broker, BrokerError};
use stormproof_ports::Message;
use stormproof_ports::time::Time;

/// Looking.
impl Broker {
    /// All queues, by name.
    pub fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.slots.values().map(|slot| &self.queues[*slot])
    }

    /// One queue.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn queue(&self, name: &str) -> Result<&Queue, BrokerError> {
        Ok(&self.queues[self.slot(name)?])
    }

    /// How many messages a queue has, ready or unacknowledged.
    ///
    /// # Errors
    /// There is no such queue, so that a check with a misspelt name cannot pass.
    pub fn depth(&self, queue: &str) -> Result<usize, BrokerError> {
        Ok(self.queue(queue)?.depth())
    }
}

/// Emptying. What consumers hold is left alone.
impl Broker {
    /// Takes all ready messages out of a queue, in order: the first half of a replay.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn take_ready(&mut self, queue: &str) -> Result<Vec<Stored>, BrokerError> {
        let slot = self.slot(queue)?;
        let taken = self.queues[slot].take_ready();
        for serial in taken.iter().map(|stored| stored.serial) {
            self.note(|| Change::Removed { serial });
        }
        Ok(taken)
    }

    /// Deletes all ready messages of a queue. Returns how many there were.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn purge(&mut self, queue: &str) -> Result<usize, BrokerError> {
        Ok(self.take_ready(queue)?.len())
    }

    /// Takes the first ready message with this id out of a queue.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn remove(&mut self, queue: &str, message_id: &str) -> Result<Option<Stored>, BrokerError> {
        let slot = self.slot(queue)?;
        let removed = self.queues[slot].remove_ready(message_id);
        if let Some(serial) = removed.as_ref().map(|stored| stored.serial) {
            self.note(|| Change::Removed { serial });
        }
        Ok(removed)
    }
}

/// Trouble that RabbitMQ allows itself.
impl Broker {
    /// Adds a message at a queue's end, durable at once, past exchanges and limits: a duplicate such
    /// as a publisher makes who missed a confirm.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn enqueue_copy(
        &mut self,
        queue: &str,
        message: impl Into<Arc<Message>>,
        now: Time,
    ) -> Result<(), BrokerError> {
        let slot = self.slot(queue)?;
        self.store(slot, message.into(), Vec::new(), now);
        Ok(())
    }

    /// Shuffles a queue's ready messages; `draw(bound)` yields a number below `bound`.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn reorder(
        &mut self,
        queue: &str,
        draw: &mut dyn FnMut(usize) -> usize,
    ) -> Result<(), BrokerError> {
        assert!(self.changes.is_none(), "a journal knows messages by their order of arrival");
        let slot = self.slot(queue)?;
        let queue = &mut self.queues[slot];
        let mut messages = queue.take_ready();
        for last in (1..messages.len()).rev() {
            messages.swap(last, draw(last + 1));
        }
        for stored in messages {
            queue.push(stored);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn a_queue_shows_what_it_holds() {
        let mut rig = Rig::new(&["work", "idle"]);
        rig.consume("work", 2);
        for id in ["a", "b", "c"] {
            rig.send("work", id);
        }
        rig.deliver();
        let names: Vec<_> = rig.broker.queues().map(|queue| queue.name()).collect();
        assert_eq!(names, ["idle", "work"]);
        let work = rig.queue("work");
        let held: Vec<_> = work.unacknowledged().map(|it| &*it.message.message_id).collect();
        assert_eq!((held, rig.ready("work")), (vec!["a", "b"], vec!["c".to_owned()]));
        assert_eq!((work.consumer_count(), work.depth(), rig.broker.depth("work")), (1, 3, Ok(3)));
        assert!(rig.broker.depth("wrok").is_err() && rig.broker.queue("wrok").is_err());
    }

    #[test]
    fn emptying_leaves_what_consumers_hold() {
        let mut rig = Rig::new(&["work"]);
        let consumer = rig.consume("work", 1);
        for id in ["a", "b", "c", "d", "e"] {
            rig.send("work", id);
        }
        rig.deliver();
        assert_eq!(rig.broker.remove("work", "a"), Ok(None));
        assert_eq!(rig.broker.remove("work", "c").unwrap().unwrap().message.message_id, "c");
        rig.broker.disconnect(consumer.connection, T0);
        let taken = rig.broker.take_ready("work").unwrap();
        let taken: Vec<_> = taken.iter().map(|it| &*it.message.message_id).collect();
        assert_eq!(taken, ["a", "b", "d", "e"]);

        rig.send("work", "f");
        assert_eq!((rig.broker.purge("work"), rig.broker.purge("work")), (Ok(1), Ok(0)));
        assert!(rig.broker.purge("none").is_err());
    }

    #[test]
    fn a_copy_is_delivered_like_any_message() {
        let mut rig = Rig::new(&["work"]);
        rig.consume("work", 0);
        rig.broker.enqueue_copy("work", message("", "work", "a"), T0).unwrap();
        assert_eq!(rig.deliver().len(), 1);
        assert!(rig.broker.enqueue_copy("none", message("", "work", "a"), T0).is_err());
    }

    #[test]
    fn reordering_follows_the_draws_and_loses_nothing() {
        let mut rig = Rig::new(&["work"]);
        for id in ["a", "b", "c", "d"] {
            rig.send("work", id);
        }
        let mut bounds = Vec::new();
        let mut first = |bound| {
            bounds.push(bound);
            0
        };
        rig.broker.reorder("work", &mut first).unwrap();
        assert_eq!(
            (bounds, rig.ready("work")),
            (vec![4, 3, 2], ["b", "c", "d", "a"].map(String::from).to_vec())
        );
    }
}
