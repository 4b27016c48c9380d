//! What an operator does with dead letters, whichever broker holds them.

use futures::future::BoxFuture;
use stormproof_system::broker::Death;
use stormproof_system::ports::{Message, QueueLost};
use stormproof_system::time::Time;

/// Looking into dead-letter queues, and trying again what lies there.
pub trait DeadLetters: Send + Sync {
    /// All dead letters, by queue, the oldest first.
    fn list(&self) -> BoxFuture<'_, Result<Vec<DeadMessage>, QueueLost>>;

    /// The first dead letter of a dead-letter queue with this message id.
    fn show<'a>(
        &'a self,
        queue: &'a str,
        message_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<DeadMessage>, QueueLost>>;

    /// Gives a dead letter back to the queue it came from, as new: the same message id, no attempts.
    /// Returns whether there was one. A crash on the way may leave both, never none.
    fn replay<'a>(
        &'a self,
        queue: &'a str,
        message_id: &'a str,
    ) -> BoxFuture<'a, Result<bool, QueueLost>>;
}

/// A message in a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadMessage {
    /// The dead-letter queue it lies in.
    pub queue: String,
    pub message: Message,
    /// Why it is here, the latest reason first.
    pub deaths: Vec<Death>,
}

impl DeadMessage {
    /// When it died of its latest reason for the first time, if the broker knows.
    pub fn died_at(&self) -> Option<Time> {
        self.deaths.first().map(|death| death.at)
    }
}
