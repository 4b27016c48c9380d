//! A message as it lies in a queue: its deliveries and its deaths, kept beside the message.
//!
//! When a message dies, and where it goes then, is decided in `death`.

use std::sync::Arc;

use stormproof_ports::Message;
use stormproof_ports::time::Time;

/// A message in one queue. Copies in other queues have their own `Stored` and share the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Unique in this broker and increasing: the key of a journal row.
    pub serial: u64,
    /// The message itself.
    pub message: Arc<Message>,
    /// How many deliveries from this queue came back (`x-delivery-count`).
    pub delivery_count: u32,
    /// When it expires, if its queue has a TTL.
    pub expires_at: Option<Time>,
    /// Where it died before, the latest first (`x-death`).
    pub deaths: Vec<Death>,
}

/// That a message left a queue undone: one entry for each queue and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// The queue that gave it up.
    pub queue: Arc<str>,
    /// Why.
    pub reason: DeathReason,
    /// How often.
    pub count: u32,
    /// When it happened the first time, as in RabbitMQ.
    pub at: Time,
    /// The exchange by which it had come to the queue the first time.
    pub exchange: String,
    /// The routing key with which it had come to the queue the first time.
    pub routing_key: String,
}

/// Why a queue gave a message up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeathReason {
    /// A consumer rejected it for good.
    Rejected,
    /// Its time to live passed.
    Expired,
    /// It came back more often than the queue allows.
    DeliveryLimit,
}

impl DeathReason {
    /// All of them.
    pub const ALL: [DeathReason; 3] =
        [DeathReason::Rejected, DeathReason::Expired, DeathReason::DeliveryLimit];

    /// RabbitMQ's word for it in `x-death`.
    pub fn as_str(self) -> &'static str {
        match self {
            DeathReason::Rejected => "rejected",
            DeathReason::Expired => "expired",
            DeathReason::DeliveryLimit => "delivery_limit",
        }
    }
}

impl Stored {
    /// Whether a delivery of it came back before: AMQP's flag.
    pub fn redelivered(&self) -> bool {
        self.delivery_count > 0
    }

    /// Enters a death in `queue` at the front of the record.
    pub(super) fn record_death(&mut self, queue: &Arc<str>, reason: DeathReason, now: Time) {
        let known = self.deaths.iter().position(|it| it.reason == reason && it.queue == *queue);
        let mut death = match known {
            Some(index) => self.deaths.remove(index),
            None => Death {
                queue: Arc::clone(queue),
                reason,
                count: 0,
                at: now,
                exchange: self.message.exchange.clone(),
                routing_key: self.message.routing_key.clone(),
            },
        };
        death.count += 1;
        self.deaths.insert(0, death);
    }

    /// Whether it came from `queue` by itself, without a consumer's rejection on the way: RabbitMQ
    /// drops such a message, which would go round for ever.
    pub(super) fn cycles_to(&self, queue: &str) -> bool {
        self.deaths.iter().position(|death| *death.queue == *queue).is_some_and(|last| {
            self.deaths[..=last].iter().all(|death| death.reason != DeathReason::Rejected)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::message;
    use super::*;

    fn stored() -> Stored {
        let message = Arc::new(message("topics", "item.new", "m"));
        Stored { serial: 1, message, delivery_count: 0, expires_at: None, deaths: Vec::new() }
    }

    #[test]
    fn deaths_are_merged_by_queue_and_reason_with_the_latest_first() {
        let (work, retry): (Arc<str>, Arc<str>) = ("work".into(), "retry".into());
        let mut stored = stored();
        stored.record_death(&work, DeathReason::Rejected, Time(0));
        stored.record_death(&retry, DeathReason::Expired, Time(0));
        stored.record_death(&work, DeathReason::DeliveryLimit, Time(0));
        stored.record_death(&work, DeathReason::Rejected, Time(0));
        let story: Vec<_> =
            stored.deaths.iter().map(|it| (&*it.queue, it.reason.as_str(), it.count)).collect();
        let expected =
            [("work", "rejected", 2), ("work", "delivery_limit", 1), ("retry", "expired", 1)];
        assert_eq!(story, expected);
        assert_eq!(
            (&*stored.deaths[0].exchange, &*stored.deaths[0].routing_key),
            ("topics", "item.new")
        );
    }

    #[test]
    fn only_a_rejection_breaks_a_cycle() {
        let (work, retry): (Arc<str>, Arc<str>) = ("work".into(), "retry".into());
        let mut stored = stored();
        stored.record_death(&work, DeathReason::Expired, Time(0));
        assert!(stored.cycles_to("work") && !stored.cycles_to("retry"));
        stored.record_death(&retry, DeathReason::Rejected, Time(0));
        assert!(!stored.cycles_to("work"));
        stored.record_death(&work, DeathReason::DeliveryLimit, Time(0));
        assert!(stored.cycles_to("work") && !stored.cycles_to("retry"));
    }
}
