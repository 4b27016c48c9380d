//! What an operator does with dead letters, whichever broker holds them.

use std::sync::Arc;

use futures::future::BoxFuture;
use stormproof_broker::Death;
use stormproof_ports::time::Time;
use stormproof_ports::topology::Topology;
use stormproof_ports::{Message, QueueLost};

/// Which queues hold dead letters, and whose. Clones are cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterQueues(Arc<Vec<Pair>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    dead: String,
    original: String,
}

impl DeadLetterQueues {
    /// Each queue of dead letters with the queue whose dead letters lie there, in this order.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> DeadLetterQueues {
        let pair = |(dead, original)| Pair { dead, original };
        DeadLetterQueues(Arc::new(pairs.into_iter().map(pair).collect()))
    }

    /// The queues of `topology` whose names end with `suffix` (`.dlq`, say), each of the queue that is
    /// named by the rest.
    pub fn by_suffix(topology: &Topology, suffix: &str) -> DeadLetterQueues {
        let names = topology.queues.iter().map(|queue| queue.name.as_str());
        let pairs = names.filter_map(|dead| {
            dead.strip_suffix(suffix).map(|original| (dead.to_owned(), original.to_owned()))
        });
        DeadLetterQueues::of(pairs)
    }

    /// The queues of dead letters, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pair| pair.dead.as_str())
    }

    /// The queue whose dead letters lie in `dead`; none if that is no queue of dead letters.
    pub fn original(&self, dead: &str) -> Option<&str> {
        self.0.iter().find(|pair| pair.dead == dead).map(|pair| pair.original.as_str())
    }
}

/// Looking into dead-letter queues, and trying again what lies there.
pub trait DeadLetters: Send + Sync {
    /// All dead letters, by queue, the oldest first.
    ///
    /// # Errors
    /// If the broker cannot be asked.
    fn list(&self) -> BoxFuture<'_, Result<Vec<DeadMessage>, QueueLost>>;

    /// The first dead letter of a dead-letter queue with this message id.
    ///
    /// # Errors
    /// If the broker cannot be asked.
    fn show<'a>(
        &'a self,
        queue: &'a str,
        message_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<DeadMessage>, QueueLost>>;

    /// Gives a dead letter back to the queue it came from, as new: the same message id, no attempts.
    /// Returns whether there was one. A crash on the way may leave both, never none.
    ///
    /// # Errors
    /// If the broker cannot be asked, or does not confirm that it has it.
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
    /// As it was published last.
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
