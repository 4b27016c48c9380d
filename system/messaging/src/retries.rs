//! Where messages wait that are put off, and where those lie that are given up.
//!
//! A queue that is consumed has retry queues, which give a message back after a fixed time, and a
//! dead-letter queue. Their names are its own with a suffix.

use std::ops::RangeInclusive;
use std::time::Duration;

use stormproof_ports::topology::{DeadLetter, QueueSpec, Topology};

/// A message that a consumer puts off waits in a queue of its own, which gives it back after a
/// fixed time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryQueue {
    /// Behind the name of the queue that it gives back to.
    pub suffix: &'static str,
    /// How long it keeps a message.
    pub delay: Duration,
    /// The attempts, counted from 1, after whose failure it is used.
    pub attempts: RangeInclusive<u32>,
}

/// Quick attempts first, then slow ones; the slowest is for dead letters of which nobody can be told yet.
pub const RETRIES: [RetryQueue; 3] = [
    RetryQueue { suffix: ".retry-1s", delay: Duration::from_secs(1), attempts: 1..=6 },
    RetryQueue { suffix: ".retry-30s", delay: Duration::from_secs(30), attempts: 7..=18 },
    RetryQueue { suffix: ".retry-5m", delay: Duration::from_secs(300), attempts: 19..=u32::MAX },
];

/// The suffix of a dead-letter queue.
pub const DEAD: &str = ".dlq";

/// How often the broker itself may redeliver before it dead-letters (`x-delivery-limit`): a
/// backstop for a consumer that dies of the message, far above what crashes alone can reach.
pub const DELIVERY_LIMIT: u32 = 50;

/// The same for dead-letter queues, which lose what comes back more often: RabbitMQ 4 does so after 20
/// times unless told otherwise, and whoever looks at a dead letter and puts it back counts.
pub const DEAD_DELIVERY_LIMIT: u32 = 1_000_000;

/// The queue where a message of `queue` waits after its `attempt`th failure.
pub fn retry_queue(retries: &[RetryQueue], queue: &str, attempt: u32) -> String {
    let fits = retries.iter().find(|retry| retry.attempts.contains(&attempt));
    let suffix = fits.or(retries.last()).map_or("", |retry| retry.suffix);
    format!("{queue}{suffix}")
}

/// Adds a queue, its dead-letter queue and its retry queues to `topology`, none of them bound.
pub fn add_queue(topology: &mut Topology, name: &str, retries: &[RetryQueue]) {
    let dead = format!("{name}{DEAD}");
    topology.queues.push(QueueSpec {
        delivery_limit: Some(DELIVERY_LIMIT),
        dead_letter: Some(DeadLetter::to_queue(&dead)),
        ..QueueSpec::named(name)
    });
    let delivery_limit = Some(DEAD_DELIVERY_LIMIT);
    topology.queues.push(QueueSpec { delivery_limit, ..QueueSpec::named(dead) });
    for retry in retries {
        topology.queues.push(QueueSpec {
            message_ttl: Some(retry.delay),
            dead_letter: Some(DeadLetter::to_queue(name)),
            ..QueueSpec::named(format!("{name}{}", retry.suffix))
        });
    }
}

/// The names of the dead-letter queues in `topology`, in order of declaration.
pub fn dead_letter_queues(topology: &Topology) -> impl Iterator<Item = &str> {
    topology.queues.iter().map(|queue| queue.name.as_str()).filter(|name| name.ends_with(DEAD))
}

/// The queue whose dead letters lie in `dead`; none if that is no dead-letter queue.
pub fn original_queue(dead: &str) -> Option<&str> {
    dead.strip_suffix(DEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_has_a_queue_that_gives_back() {
        let mut topology = Topology::default();
        add_queue(&mut topology, "work", &RETRIES);
        for (attempt, name) in [
            (1, "work.retry-1s"),
            (6, "work.retry-1s"),
            (7, "work.retry-30s"),
            (18, "work.retry-30s"),
            (19, "work.retry-5m"),
        ] {
            assert_eq!(retry_queue(&RETRIES, "work", attempt), name);
            let spec = topology.queues.iter().find(|queue| queue.name == name);
            let spec = spec.unwrap_or_else(|| panic!("{name} is declared"));
            assert_eq!(spec.dead_letter, Some(DeadLetter::to_queue("work")), "{name}");
            assert!(spec.message_ttl.is_some(), "{name}");
        }
        assert_eq!(dead_letter_queues(&topology).collect::<Vec<_>>(), ["work.dlq"]);
        assert_eq!(original_queue("work.dlq"), Some("work"));
        assert_eq!(original_queue("work"), None);
    }
}
