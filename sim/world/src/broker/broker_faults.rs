//! Faults on queues: what happens to messages that have just reached one, or wait there.

use rand::Rng as _;

use crate::World;
use crate::broker::channel::{Channel, Confirm};
use crate::broker::event_queue::EventQueueState;
use crate::faults::{Fault, FaultKind};

impl EventQueueState {
    /// Faults on the queues that have just got this message. What its publisher is told of it;
    /// `None`: nothing.
    pub(crate) fn harm(&mut self, world: &World, message_id: &str) -> Option<Confirm> {
        let mut told = Some(Confirm::Ack);
        for queue in world.0.injector.queues() {
            let Ok(there) = self.broker.queue(&queue) else { continue };
            let found = there.ready().rev().find(|it| it.message.message_id == message_id);
            let Some(message) = found.map(|it| it.message.clone()) else { continue };
            let Some(fault) = fault_of_message(world, &queue) else { continue };
            match fault.kind {
                FaultKind::ConfirmLost => told = None,
                FaultKind::MessageReturned => {
                    let removed = self.broker.remove(&queue, message_id);
                    removed.expect("the queue was just there");
                    told = Some(Confirm::Returned);
                }
                FaultKind::MessageTwice => {
                    let copied = self.broker.enqueue_copy(&queue, message, world.now());
                    copied.expect("the queue was just there");
                }
                FaultKind::MessageLate => {
                    let removed = self.broker.remove(&queue, message_id);
                    removed.expect("the queue was just there");
                    self.last_entry += 1;
                    let key = (world.elapsed() + fault.amount, self.last_entry);
                    self.held.insert(key, (queue, message));
                }
                _ => {}
            }
        }
        told
    }

    /// Shuffles what waits in the queue and what its consumer has not yet looked at.
    pub(crate) fn reorder(&mut self, world: &World, channel: &Channel) {
        for queue in world.0.injector.queues() {
            let waiting = self.broker.queue(&queue).map_or(0, |queue| queue.ready_count());
            channel.buffer.with_waiting(|buffered| {
                let is_of_queue = buffered.iter().any(|delivery| {
                    self.broker.queue(&queue).is_ok_and(|queue| {
                        let id = &delivery.message.message_id;
                        queue.unacknowledged().any(|it| it.message.message_id == *id)
                    })
                });
                let here = if is_of_queue { buffered.len() } else { 0 };
                if waiting.max(here) < 2 || !reorders(world, &queue) {
                    return;
                }
                let stream = &mut self.stream;
                for last in (1..here).rev() {
                    buffered.swap(last, stream.random_range(0..=last));
                }
                let mut draw = |bound| stream.random_range(0..bound);
                self.broker.reorder(&queue, &mut draw).expect("the queue was just there");
            });
        }
    }
}

/// What goes wrong with a message that has just reached `queue`.
fn fault_of_message(world: &World, queue: &str) -> Option<Fault> {
    world.0.injector.strike(world, |fault| {
        fault.kind != FaultKind::MessagesReordered && fault.target.queue() == Some(queue)
    })
}

/// Whether what waits in `queue` is shuffled now; ask only if two messages wait.
fn reorders(world: &World, queue: &str) -> bool {
    let fits = |fault: &Fault| {
        fault.kind == FaultKind::MessagesReordered && fault.target.queue() == Some(queue)
    };
    world.0.injector.strike(world, fits).is_some()
}
