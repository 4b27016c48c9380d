//! One durable queue: the messages that are ready, those in consumers' hands, and whose turn it is.
//!
//! Limits, death, who may settle what, and what a journal must know are the callers' affair.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::QueueSpec;
use super::ids::ConsumerId;
use super::journal::Place;
use super::stored::Stored;
use stormproof_ports::time::Time;

/// A queue and its messages, to look at.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(super) name: Arc<str>,
    pub(super) spec: QueueSpec,
    /// Messages that came back, in order of their return; they go before the waiting ones.
    returned: VecDeque<Stored>,
    /// Messages never delivered, in order of arrival.
    waiting: VecDeque<Stored>,
    /// Messages in consumers' hands, by serial: in order of arrival.
    unacknowledged: BTreeMap<u64, Stored>,
    /// Publishes routed here that wait for a sync; they count towards the length.
    pub(super) arriving: usize,
    pub(super) consumers: usize,
    /// The consumers with room, in the order of their turns.
    pub(super) service: VecDeque<ConsumerId>,
}

impl Queue {
    pub(super) fn new(spec: QueueSpec) -> Queue {
        Queue {
            name: spec.name.as_str().into(),
            spec,
            returned: VecDeque::new(),
            waiting: VecDeque::new(),
            unacknowledged: BTreeMap::new(),
            arriving: 0,
            consumers: 0,
            service: VecDeque::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was declared with.
    pub fn spec(&self) -> &QueueSpec {
        &self.spec
    }

    /// The messages that wait for a consumer, in the order in which they will be handed out.
    pub fn ready(&self) -> impl DoubleEndedIterator<Item = &Stored> {
        self.returned.iter().chain(&self.waiting)
    }

    /// How many messages wait for a consumer.
    pub fn ready_count(&self) -> usize {
        self.returned.len() + self.waiting.len()
    }

    /// The messages in consumers' hands, in the order in which they arrived.
    pub fn unacknowledged(&self) -> impl DoubleEndedIterator<Item = &Stored> {
        self.unacknowledged.values()
    }

    /// How many messages are in consumers' hands.
    pub fn unacknowledged_count(&self) -> usize {
        self.unacknowledged.len()
    }

    /// All messages, ready or unacknowledged.
    pub fn depth(&self) -> usize {
        self.ready_count() + self.unacknowledged_count()
    }

    /// How many consumers it has.
    pub fn consumer_count(&self) -> usize {
        self.consumers
    }

    pub(super) fn has_room(&self) -> bool {
        self.spec.max_length.is_none_or(|most| self.ready_count() + self.arriving < most)
    }

    /// The deadline of a message that arrives at `now`. A TTL of zero still leaves a millisecond, as
    /// quorum queues do: a consumer may get the message in between.
    pub(super) fn deadline(&self, now: Time) -> Option<Time> {
        self.spec
            .message_ttl
            .map(|ttl| now + ttl.max(Duration::from_millis(u64::from(ttl.is_zero()))))
    }

    /// When the head expires.
    pub(super) fn head_deadline(&self) -> Option<Time> {
        self.returned.front().or_else(|| self.waiting.front())?.expires_at
    }
}

/// The changes of stored messages.
impl Queue {
    pub(super) fn push(&mut self, stored: Stored) {
        self.waiting.push_back(stored);
    }

    /// Moves the head into a consumer's hands.
    pub(super) fn hand_out(&mut self) -> Option<&Stored> {
        let stored = self.take_head()?;
        Some(self.unacknowledged.entry(stored.serial).insert_entry(stored).into_mut())
    }

    /// Takes a message out of a consumer's hands: it is settled, or will be given back.
    pub(super) fn release(&mut self, serial: u64) -> Stored {
        self.unacknowledged.remove(&serial).expect("what a connection holds is unacknowledged")
    }

    /// Takes everything out of all consumers' hands.
    pub(super) fn release_all(&mut self) -> BTreeMap<u64, Stored> {
        mem::take(&mut self.unacknowledged)
    }

    pub(super) fn give_back(&mut self, stored: Stored) {
        self.returned.push_back(stored);
    }

    /// Removes the head if its deadline has come.
    pub(super) fn take_expired(&mut self, now: Time) -> Option<Stored> {
        if self.head_deadline()? <= now { self.take_head() } else { None }
    }

    pub(super) fn take_ready(&mut self) -> Vec<Stored> {
        self.returned.drain(..).chain(self.waiting.drain(..)).collect()
    }

    pub(super) fn remove_ready(&mut self, message_id: &str) -> Option<Stored> {
        for part in [&mut self.returned, &mut self.waiting] {
            if let Some(index) = part.iter().position(|it| it.message.message_id == message_id) {
                return part.remove(index);
            }
        }
        None
    }

    pub(super) fn restore(&mut self, place: Place, stored: Stored) {
        match place {
            Place::Returned => self.returned.push_back(stored),
            Place::Waiting => self.waiting.push_back(stored),
            Place::HandedOut => {
                self.unacknowledged.insert(stored.serial, stored);
            }
        }
    }

    /// Forgets consumers and publishes under way, which a crash ends.
    pub(super) fn forget_sessions(&mut self) {
        self.arriving = 0;
        self.consumers = 0;
        self.service.clear();
    }

    fn take_head(&mut self) -> Option<Stored> {
        self.returned.pop_front().or_else(|| self.waiting.pop_front())
    }
}
