//! What only the end can tell: mails, queues, dead letters, outboxes, and what the Store's own
//! books say of its orders. Plain data, gathered once.

use std::collections::BTreeMap;

use super::rows::Id;

/// The end of a run.
#[derive(Clone, Debug, Default)]
pub struct Reckoning {
    /// When the world came to rest, in seconds; `None`: it did not within the bound.
    pub rested_at: Option<f64>,
    /// Why it did not, in words.
    pub restless: Vec<String>,
    /// Mails that the mail server took, in order.
    pub mails: Vec<MailSeen>,
    /// Whether a fault stood between the mail server and the note that a mail is sent.
    pub repeats_excused: bool,
    /// Queues with messages in them, dead-letter queues apart.
    pub queues: Vec<(String, usize)>,
    pub dead: Vec<DeadLetter>,
    /// Messages on their way to the broker.
    pub in_flight: usize,
    /// Messages that were ever written into an outbox and are still there.
    pub messages: i64,
    /// Dead letters that no queue took.
    pub dropped: u64,
    /// Outbox rows that were not sent, by database.
    pub unsent: BTreeMap<String, i64>,
    pub alerts: Vec<AlertSeen>,
    pub sagas: BTreeMap<Id, SagaSeen>,
    /// What was ordered, by order.
    pub lines: BTreeMap<Id, BTreeMap<String, i64>>,
    /// Committed rows that are gone, and rows that came without a commit.
    pub lost_commits: Vec<String>,
    /// Secrets that were seen where none may be.
    pub leaks: Vec<String>,
}

/// A mail as the mail server took it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailSeen {
    /// `refund`, or `support` with what it is about: `support:refund parked`.
    pub template: String,
    pub order: Id,
    pub to: String,
}

/// A message that nobody could handle.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The queue whose dead-letter queue holds it.
    pub queue: String,
    pub schema: String,
    pub order: Id,
}

/// An alert on a service's support page.
#[derive(Clone, Debug)]
pub struct AlertSeen {
    pub database: String,
    pub order: Id,
    pub kind: String,
}

/// A saga at the end.
#[derive(Clone, Debug)]
pub struct SagaSeen {
    pub goal: String,
    pub stock: String,
    pub delivery: String,
}

impl Reckoning {
    /// How many mails of each template an order's customer, or support, got: by order and template.
    pub fn mails_counted(&self) -> BTreeMap<(&str, &str), usize> {
        let mut counts = BTreeMap::new();
        for mail in &self.mails {
            *counts.entry((&*mail.order, mail.template.as_str())).or_default() += 1;
        }
        counts
    }

    pub fn is_alerted(&self, order: &str, kind: &str) -> bool {
        self.alerts.iter().any(|alert| *alert.order == *order && alert.kind == kind)
    }
}
