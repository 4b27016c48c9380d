//! Faults on queues: what happens to messages that have just reached one, or wait there.

use rand::Rng as _;

use crate::faults::{FaultKind, broker};
use crate::ports::agenda::State;
use crate::ports::channel::{Channel, Confirm};
use crate::{World, lock};

impl State {
    /// Faults on the queues that have just got this message. What its publisher is told of it;
    /// `None`: nothing.
    pub(super) fn harm(&mut self, world: &World, message_id: &str) -> Option<Confirm> {
        let mut told = Some(Confirm::Ack);
        for queue in world.0.injector.queues() {
            let Ok(there) = self.broker.queue(&queue) else { continue };
            let found = there.ready().rev().find(|it| it.message.message_id == message_id);
            let Some(message) = found.map(|it| it.message.clone()) else { continue };
            let Some(fault) = broker::message(world, &queue) else { continue };
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
    pub(super) fn reorder(&mut self, world: &World, channel: &Channel) {
        for queue in world.0.injector.queues() {
            let waiting = self.broker.queue(&queue).map_or(0, |queue| queue.ready_count());
            let inbox = &mut lock(&channel.inbox).deliveries;
            let is_of_queue = inbox.iter().any(|delivery| {
                self.broker.queue(&queue).is_ok_and(|queue| {
                    let id = &delivery.message.message_id;
                    queue.unacknowledged().any(|it| it.message.message_id == *id)
                })
            });
            let here = if is_of_queue { inbox.len() } else { 0 };
            if waiting.max(here) < 2 || !broker::reorders(world, &queue) {
                continue;
            }
            let stream = &mut self.stream;
            for last in (1..here).rev() {
                inbox.swap(last, stream.random_range(0..=last));
            }
            let mut draw = |bound| stream.random_range(0..bound);
            self.broker.reorder(&queue, &mut draw).expect("the queue was just there");
        }
    }
}
