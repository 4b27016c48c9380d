//! What a durable host must write down: every change of a stored message, and how a broker is made
//! again from it.
//!
//! Recording is off unless asked for. The host takes the changes, makes them durable, and only then
//! lets anybody know of what they made true. Queues, exchanges and bindings are declared anew at
//! every start; connections are not remembered.

use std::sync::Arc;

use super::stored::Stored;
use super::{Broker, BrokerError};

/// A change of one stored message, by its serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It arrived in a queue, behind all that wait there.
    Arrived {
        /// The queue's name.
        queue: Arc<str>,
        /// The message.
        stored: Stored,
    },
    /// It is in a consumer's hands.
    HandedOut {
        /// The message's serial.
        serial: u64,
    },
    /// It came back, and waits behind what came back before it, before all never delivered.
    GivenBack {
        /// The message's serial.
        serial: u64,
        /// How many deliveries from its queue came back by now.
        delivery_count: u32,
    },
    /// It left its queue: done, or dead (where it arrives then is a change of its own), or taken out.
    Removed {
        /// The message's serial.
        serial: u64,
    },
}

/// Where a message lay when it was last heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Back from a consumer.
    Returned,
    /// Never delivered.
    Waiting,
    /// In a consumer's hands.
    HandedOut,
}

impl Broker {
    /// Starts to record changes. Their order is the order of arrival: [`Broker::reorder`] is not
    /// for brokers that record.
    pub fn record(&mut self) {
        self.changes.get_or_insert_default();
    }

    /// The changes since the last call, oldest first.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Puts back a message that survived. Within a queue and a place, call it in the order in which
    /// the messages lay; when all are back, [`Broker::crash`] returns what was handed out and
    /// raises its delivery count.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn restore(
        &mut self,
        queue: &str,
        place: Place,
        stored: Stored,
    ) -> Result<(), BrokerError> {
        let slot = self.slot(queue)?;
        self.last_serial = self.last_serial.max(stored.serial);
        self.queues[slot].restore(place, stored);
        self.awake.insert(slot);
        Ok(())
    }

    pub(super) fn note(&mut self, change: impl FnOnce() -> Change) {
        if let Some(changes) = &mut self.changes {
            changes.push(change());
        }
    }
}
