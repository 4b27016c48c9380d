//! Messages on their way from the transactions that have written them to the relay of the same replica.
//!
//! They are in the database too. What is lost here, with the replica say, is found there when the time is
//! over for which it was this replica's.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Message;
use crate::notify::Notify;

/// Beyond so many the database has to do: a broker that is away for long must not fill the memory.
const MESSAGES_MAX: usize = 4096;

/// Clones are the same way.
#[derive(Clone, Default)]
pub struct Outgoing(Arc<Handover>);

#[derive(Default)]
struct Handover {
    /// In microseconds; 0: nobody takes what is handed over.
    claim: AtomicU64,
    messages: Mutex<VecDeque<Message>>,
    notify: Notify,
}

impl Outgoing {
    /// Notified when there may be something to send; the relay listens.
    pub fn notify(&self) -> &Notify {
        &self.0.notify
    }

    /// From now on somebody takes what is handed over, and has sent it within `claim`.
    pub fn open(&self, claim: Duration) {
        let micros = u64::try_from(claim.as_micros()).unwrap_or(u64::MAX);
        self.0.claim.store(micros, Ordering::Relaxed);
    }

    /// For how long a message that is written now is this replica's to send; `None`: nobody here sends.
    pub fn claim(&self) -> Option<Duration> {
        match self.0.claim.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Hands over what was committed.
    pub fn hand_over(&self, messages: Vec<Message>) {
        if self.claim().is_none() {
            return;
        }
        let mut waiting = self.0.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MESSAGES_MAX.saturating_sub(waiting.len());
        waiting.extend(messages.into_iter().take(room));
    }

    /// Takes up to `max` messages, those that were handed over first.
    pub fn take(&self, max: usize) -> Vec<Message> {
        let mut waiting = self.0.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(max);
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize) -> Message {
        Message { message_id: number.to_string(), ..Message::default() }
    }

    #[test]
    fn what_nobody_takes_is_not_kept_and_no_more_than_fits() {
        let outgoing = Outgoing::default();
        outgoing.hand_over(vec![message(0)]);
        assert_eq!((outgoing.claim(), outgoing.take(9)), (None, Vec::new()));
        outgoing.open(Duration::from_secs(10));
        outgoing.hand_over((0..MESSAGES_MAX + 1).map(message).collect());
        assert_eq!(outgoing.take(2), [message(0), message(1)]);
        assert_eq!(outgoing.take(usize::MAX).len(), MESSAGES_MAX - 2);
    }
}
