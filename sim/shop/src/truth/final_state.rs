//! What only the end can tell: mails, queues, dead letters, outboxes, and what the Store's own
//! books say of its orders. Plain data, gathered once.

use std::collections::BTreeMap;
use std::time::Duration;

use stormproof_ports::time::Time;
use stormproof_ports::{Mail, Message};
use stormproof_system::messages::DEAD;
use stormproof_system::money::{Currency, Money};

use super::Truth;
use super::books::Books;
use super::rows::Id;
use crate::scenario::Scenario;
use crate::topology;
use stormproof_faults::Target;
use stormproof_faults::injector::StrikeTime;

/// The longest that a mail may be on its way to the server: so long it is its claimant's.
const UNDER_WAY: Duration = Duration::from_secs(30);

/// What tells mails apart: the order, the template and, of a mail to support, the alert.
pub type MailName<'a> = (&'a str, &'a str, &'a str);

/// Units by product and warehouse.
pub type Goods = BTreeMap<(String, String), i64>;

/// The end of a run.
#[derive(Clone, Debug, Default)]
pub struct FinalState {
    /// When the world came to rest, in seconds; `None`: it did not within the bound.
    pub rested_at: Option<f64>,
    /// Why it did not, in words.
    pub restless: Vec<String>,
    /// Mails that the mail server took, in order.
    pub mails: Vec<MailSeen>,
    /// When each fault of the scenario fired, in time since the run began.
    pub strikes: Vec<StrikeTime>,
    /// When the storm began, and when all was healed.
    pub began_at: Duration,
    pub healed_at: Duration,
    /// When the end was looked at, and what time that was by a clock that is right.
    pub looked_at: Duration,
    pub time: Time,
    /// The time of the oldest row of each table whose rows are forgotten in time, by database and table.
    pub oldest: BTreeMap<(String, &'static str), Time>,
    /// Messages by what they are about, and which they are, that were written in an hour of the clock: the most
    /// in any, where there were many.
    pub most_messages: BTreeMap<(Id, String), i64>,
    /// What services wrote down of their own doing.
    pub books: Books,
    /// When faults stood between the mail server and the notes that mails are sent.
    pub excuses: Vec<StrikeTime>,
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
    /// What a unit of each line was sold at, in minor units, by order.
    pub prices: BTreeMap<Id, BTreeMap<String, i64>>,
    /// What the carrier was told to fetch, and where, by order.
    pub consignments: BTreeMap<Id, Goods>,
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
    /// The alert that it tells support of; empty in other mails.
    pub alert: String,
    pub order: Id,
    pub to: String,
    /// What it says was paid, or paid back: `42.00 AUD`; `None` if it speaks of no money.
    pub amount: Option<String>,
    /// When the server took it, in time since the run began, if that is known.
    pub at: Option<Duration>,
}

/// A message that nobody could handle.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The queue whose dead-letter queue holds it.
    pub queue: String,
    pub message_id: String,
    pub schema: String,
    pub order: Id,
}

/// An alert on a service's support page.
#[derive(Clone, Debug)]
pub struct AlertSeen {
    pub database: String,
    pub id: String,
    pub order: Id,
    pub kind: String,
    /// What tells it from others of its kind about the order: the id of the message that died.
    pub cause: String,
}

/// A saga at the end.
#[derive(Clone, Debug)]
pub struct SagaSeen {
    pub goal: String,
    pub stock: String,
    pub delivery: String,
}

impl FinalState {
    /// How often each mail was taken, by order, template and alert.
    pub fn mails_counted(&self) -> BTreeMap<MailName<'_>, usize> {
        let mut counts = BTreeMap::new();
        for mail in &self.mails {
            *counts.entry(mail.name()).or_default() += 1;
        }
        counts
    }

    /// Whether a fault came between each mail of a name and the next: it fired, or held, at a time
    /// between the first of the two and the second, or so shortly before that the mail was on its way.
    pub fn repeats_excused(&self, name: MailName<'_>) -> bool {
        let same = |mail: &&MailSeen| mail.name() == name;
        let times: Vec<_> = self.mails.iter().filter(same).map(|mail| mail.at).collect();
        times.windows(2).all(|pair| {
            let [Some(first), Some(again)] = *pair else { return !self.excuses.is_empty() };
            let begun = first.saturating_sub(UNDER_WAY);
            let between = |strike: &StrikeTime| {
                strike.from <= again && strike.until.is_none_or(|until| until >= begun)
            };
            self.excuses.iter().any(between)
        })
    }

    pub fn is_alerted(&self, order: &str, kind: &str) -> bool {
        self.alerts.iter().any(|alert| *alert.order == *order && alert.kind == kind)
    }

    /// `at rest at 41.2 · 1 DELIVERED · money 100.00 = 100.00 · stock 3 = 1 + 2 · 5 messages, 0 dead`
    pub fn last_line(&self, truth: &Truth) -> String {
        let by_status = truth.orders_by_status();
        let rest = match self.rested_at {
            Some(at) => format!("at rest at {at:.1}"),
            None => "never at rest".to_owned(),
        };
        let orders: Vec<String> =
            by_status.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let orders = if orders.is_empty() { "no orders".to_owned() } else { orders.join(", ") };
        let brought: i64 = truth.accounts.iter().map(|account| account.opened_balance).sum();
        let inside = truth.accounts.iter().filter(|account| &*account.owner != "outside");
        let there: i64 = inside.map(|account| account.balance).sum();
        let money = |minor| Money::new(minor, Currency::AUD).to_string();
        let sum =
            |of: fn(&super::rows::StockRow) -> i64| -> i64 { truth.stock.iter().map(of).sum() };
        format!(
            "{rest} · {orders} · money {} = {} · stock {} = {} + {} · {} messages, {} dead",
            money(brought),
            money(there),
            sum(|row| row.received),
            sum(|row| row.on_hand),
            sum(|row| row.committed),
            self.messages,
            self.dead.len(),
        )
    }
}

impl DeadLetter {
    /// A message that lies in the queue of dead letters `queue`.
    pub fn of(queue: &str, message: &Message) -> DeadLetter {
        DeadLetter {
            queue: queue.strip_suffix(DEAD).unwrap_or(queue).to_owned(),
            schema: message.schema.clone(),
            message_id: message.message_id.clone(),
            order: message.correlation_id.as_str().into(),
        }
    }
}

impl MailSeen {
    fn name(&self) -> MailName<'_> {
        (&self.order, &self.template, &self.alert)
    }

    /// What a mail was about, by its `Message-ID`: `<template.order@domain>`, where the template of a mail to
    /// support has a kind and an alert, `support+refund-parked+1a2b`.
    pub fn of(mail: &Mail) -> Option<MailSeen> {
        let (local, _) = mail.message_id.strip_prefix('<')?.split_once('@')?;
        let (template, order) = local.split_once('.')?;
        let mut parts = template.splitn(3, '+');
        let template = parts.next().unwrap_or_default();
        let template = match parts.next() {
            Some(about) => format!("{template}:{}", about.replace('-', " ")),
            None => template.to_owned(),
        };
        let alert = parts.next().unwrap_or_default().to_owned();
        let said = |line: &str| {
            let amount = line.strip_prefix("Total: ").or_else(|| line.strip_prefix("Amount: "))?;
            Some(amount.trim_end().to_owned())
        };
        let amount = mail.text.lines().find_map(said);
        let order = order.into();
        Some(MailSeen { template, alert, order, to: mail.to.clone(), amount, at: None })
    }
}

/// The strikes that may send a mail twice: they came between the mail server and the note that a mail is
/// sent.
pub fn excuses(scenario: &Scenario, strikes: &[StrikeTime]) -> Vec<StrikeTime> {
    let near = |name: &str| {
        let service = topology::service_of(name);
        matches!(service, "email" | topology::MAIL)
            || topology::service_of_database(service) == "email"
    };
    let excuses = |strike: &StrikeTime| match &scenario.faults[strike.fault].target {
        Target::Node(name) | Target::Database(name) => near(name),
        Target::Link { from, to, .. } => near(from) && near(to),
        Target::Call { .. } | Target::Queue(_) => false,
    };
    strikes.iter().copied().filter(excuses).collect()
}
