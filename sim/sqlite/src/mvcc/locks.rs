//! Who has changed the row with a key, and who waits for it.
//!
//! Whoever waits stands in a queue, a queue a key, and only the first is told when the key is free, as
//! PostgreSQL's waiters are: all at once would all run their statements again, for all but one to wait
//! again. Who was told and does not take the key lets the next one have it.

use std::collections::btree_map::{Entry, OccupiedEntry};
use std::collections::{BTreeMap, VecDeque};

use futures::channel::oneshot;

use super::table::Key;
use super::{Number, Turn};

/// The keys that are locked or waited for.
#[derive(Default)]
pub(super) struct Locks {
    keys: BTreeMap<Key, Lock>,
    /// What each of those who wait, or were just told, waits for.
    awaited: BTreeMap<Number, Key>,
}

#[derive(Default)]
struct Lock {
    /// `None`: it is free, and the first in the queue was told.
    holder: Option<Number>,
    queue: VecDeque<(Number, oneshot::Sender<()>)>,
}

impl Locks {
    /// Who has it.
    pub(super) fn holder(&self, key: &Key) -> Option<Number> {
        self.keys.get(key)?.holder
    }

    /// Gives the key to `number` if it is free; otherwise says who has it.
    pub(super) fn lock(&mut self, key: &Key, number: Number) -> Option<Number> {
        let lock = self.keys.entry(key.clone()).or_default();
        let holder = lock.holder;
        lock.holder = holder.or(Some(number));
        holder
    }

    /// Takes the key from `number`, and lets the next one have it.
    pub(super) fn unlock(&mut self, key: &Key, number: Number) {
        if let Entry::Occupied(mut lock) = self.keys.entry(key.clone())
            && lock.get().holder == Some(number)
        {
            lock.get_mut().holder = None;
            tell_next(lock);
        }
    }

    /// Has `number` stand in the queue for a key; before all others if it was its turn already.
    pub(super) fn wait(&mut self, key: Key, number: Number, was_its_turn: bool) -> Turn {
        let (told, turn) = oneshot::channel();
        let queue = &mut self.keys.entry(key.clone()).or_default().queue;
        match was_its_turn {
            true => queue.push_front((number, told)),
            false => queue.push_back((number, told)),
        }
        self.awaited.insert(number, key);
        turn
    }

    /// What `number` waits for, or was told of; it does so no longer.
    pub(super) fn awaited(&mut self, number: Number) -> Option<Key> {
        self.awaited.remove(&number)
    }

    /// It waits no longer, and does not take what it was told of.
    pub(super) fn stop_waiting(&mut self, number: Number) {
        let Some(key) = self.awaited(number) else { return };
        let Some(lock) = self.keys.get_mut(&key) else { return };
        let before = lock.queue.len();
        lock.queue.retain(|(waiting, _)| *waiting != number);
        // Who is not in the queue was told that it is its turn.
        if lock.queue.len() == before {
            self.pass_on(&key);
        }
    }

    /// Tells the first who still waits that the key is free, if it is.
    pub(super) fn pass_on(&mut self, key: &Key) {
        if let Entry::Occupied(lock) = self.keys.entry(key.clone())
            && lock.get().holder.is_none()
        {
            tell_next(lock);
        }
    }

    /// Whether `from` waits for `number`, or for somebody who does.
    pub(super) fn waits_at_last_for(&self, from: Number, number: Number) -> bool {
        let mut at = Some(from);
        while let Some(waiting) = at {
            if waiting == number {
                return true;
            }
            at = self.awaited.get(&waiting).and_then(|key| self.holder(key));
        }
        false
    }

    /// Nobody has anything, and nobody waits.
    pub(super) fn let_all_go(&mut self) {
        // Whose sender is dropped has its turn.
        *self = Locks::default();
    }
}

/// Tells the first who still waits that the key is free; where nobody does, it is forgotten.
fn tell_next(mut lock: OccupiedEntry<'_, Key, Lock>) {
    while let Some((_, turn)) = lock.get_mut().queue.pop_front() {
        // An error says that it has given up.
        if turn.send(()).is_ok() {
            return;
        }
    }
    lock.remove();
}
