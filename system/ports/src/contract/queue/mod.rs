//! What every queue binding owes.
//!
//! A suite declares [`topology`] under a name of its own, calls [`check`], and takes the queues away
//! again. The checks leave all of them empty.

mod bench;
mod consuming;
mod publishing;

use std::time::Duration;

use futures::future::BoxFuture;

use super::{Broken, Kept};
use crate::topology::{Binding, DeadLetter, QueueSpec, Topology};
use crate::{Clock, PublishError, Queue, QueueLost};

/// What a check works with.
#[derive(Clone, Copy)]
struct Bench<'p> {
    queue: &'p dyn Queue,
    /// Bounds the waiting.
    clock: &'p dyn Clock,
    /// The names of the check's queues and exchange begin with it.
    owner: &'p str,
}

/// A check by its name.
type Check = (&'static str, for<'p> fn(Bench<'p>) -> BoxFuture<'p, Kept>);

const CHECKS: [Check; 17] = [
    ("confirms what it takes and keeps it whole", |it| Box::pin(publishing::keeps_whole(it))),
    ("carries bodies of any size", |it| Box::pin(publishing::carries_bodies_of_any_size(it))),
    ("returns what no queue takes", |it| Box::pin(publishing::returns_what_no_queue_takes(it))),
    ("tells publishes side by side apart", |it| Box::pin(publishing::tells_publishes_apart(it))),
    ("survives what cannot be sent", |it| Box::pin(publishing::survives_the_unsendable(it))),
    ("keeps a publisher's order", |it| Box::pin(publishing::keeps_the_order(it))),
    ("routes by topic, once to a queue", |it| Box::pin(publishing::routes_by_topic(it))),
    ("notifies when a delivery waits", |it| Box::pin(consuming::notifies(it))),
    ("holds to the prefetch", |it| Box::pin(consuming::holds_to_the_prefetch(it))),
    ("shares a queue among its consumers", |it| Box::pin(consuming::shares_a_queue(it))),
    ("forgets what is acknowledged", |it| Box::pin(consuming::forgets_the_acknowledged(it))),
    ("gives back what a dropped subscription held", |it| Box::pin(consuming::gives_back(it))),
    ("dead-letters what is rejected", |it| Box::pin(consuming::dead_letters(it))),
    ("dead-letters what kills its consumers", |it| Box::pin(consuming::limits_deliveries(it))),
    ("keeps a retry for its time and gives it back", |it| Box::pin(consuming::retries(it))),
    ("ends a subscription that settles twice", |it| Box::pin(consuming::settles_once(it))),
    ("refuses to consume what is not there", |it| Box::pin(consuming::refuses_no_queue(it))),
];

/// How often a message of [`WORK`] may come back.
const DELIVERY_LIMIT: u32 = 2;

/// How long the retry queue keeps a message.
const RETRY_AFTER: Duration = Duration::from_millis(300);

/// Behind the owner's name: a queue with dead letters that is bound to an exchange, the queue where
/// its retries wait, and the exchange.
const WORK: &str = "work";
const RETRY: &str = "work.retry";
const EXCHANGE: &str = "exchange";

/// Behind a queue's name: where its dead letters go.
const DEAD: &str = ".dlq";

/// What a suite declares before the checks run. Each check has queues of its own, for the broker may
/// hear late that a subscription of the check before has ended.
pub fn topology(owner: &str) -> Topology {
    let mut topology = Topology::default();
    for number in 0..CHECKS.len() {
        declare_for(&format!("{owner}.{number}"), &mut topology);
    }
    topology
}

fn declare_for(owner: &str, topology: &mut Topology) {
    let name = |name: &str| format!("{owner}.{name}");
    let dead = format!("{}{DEAD}", name(WORK));
    topology.queues.extend([
        QueueSpec {
            delivery_limit: Some(DELIVERY_LIMIT),
            dead_letter: Some(DeadLetter::to_queue(&dead)),
            ..QueueSpec::named(name(WORK))
        },
        QueueSpec::named(dead),
        QueueSpec {
            message_ttl: Some(RETRY_AFTER),
            dead_letter: Some(DeadLetter::to_queue(&name(WORK))),
            ..QueueSpec::named(name(RETRY))
        },
    ]);
    topology.exchanges.push(name(EXCHANGE));
    topology.bindings.extend(["item.#", "item.*", "*.done"].map(|pattern| Binding {
        queue: name(WORK),
        exchange: name(EXCHANGE),
        pattern: pattern.to_owned(),
    }));
}

/// Runs every check in turn.
///
/// # Errors
/// The first that does not hold, with its name.
pub async fn check(queue: &dyn Queue, clock: &dyn Clock, owner: &str) -> Kept {
    for (number, (name, check)) in CHECKS.into_iter().enumerate() {
        let bench = Bench { queue, clock, owner: &format!("{owner}.{number}") };
        let kept = check(bench).await;
        kept.map_err(|Broken(what)| Broken(format!("a queue {name}: {what}")))?;
    }
    Ok(())
}

impl From<PublishError> for Broken {
    fn from(error: PublishError) -> Broken {
        Broken(format!("publish: {error}"))
    }
}

impl From<QueueLost> for Broken {
    fn from(error: QueueLost) -> Broken {
        Broken(error.to_string())
    }
}
