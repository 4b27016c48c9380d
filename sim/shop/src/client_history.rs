//! What customers were told, word for word: to be held against what became true.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::truth::rows::Id;

/// Everything that anybody was told.
#[derive(Clone, Debug, Default)]
pub struct ClientHistory {
    pub customers: Vec<CustomerBook>,
    /// How long answers to keys are kept, whatever clock one goes by.
    pub keys_kept: Duration,
    /// How many orders a page of a list holds.
    pub list_rows: usize,
    /// Answers that cannot be: sentences, each with the order it is about.
    pub contradictions: Vec<Contradiction>,
    /// What products cost from some time on, other than at first.
    pub price_changes: BTreeMap<String, PriceChange>,
    /// Dead letters that operators found.
    pub letters_found: Vec<LetterFound>,
    /// Those of them that were readable, with attempts left.
    pub innocent_letters: Vec<InnocentLetter>,
}

/// A new price, in minor units; times count since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceChange {
    pub price: i64,
    /// When it was asked for, before which nobody paid it.
    pub begun: Duration,
    /// When the answer came, after which nobody pays the old one.
    pub done: Option<Duration>,
}

/// A dead letter, as staff found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterFound {
    /// The queue that it died in.
    pub queue: String,
    pub message_id: String,
    pub schema: String,
    pub order: Id,
    /// When, in time since the run began.
    pub found_at: Duration,
}

/// A message that was given up too soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnocentLetter {
    /// The queue that it died in.
    pub queue: String,
    pub schema: String,
    pub order: Id,
    /// Which attempt was its last, from 1.
    pub attempts: u32,
}

/// What one customer knows.
#[derive(Clone, Debug, Default)]
pub struct CustomerBook {
    /// `customer-1`.
    pub name: String,
    /// Empty until registered.
    pub user_id: String,
    /// What the account was opened with.
    pub balance: i64,
    /// Every order, in the order of the script.
    pub orders: Vec<Placed>,
    /// Orders that a key made once more, when its first answer was forgotten.
    pub made_again: Vec<Placed>,
    /// What lists showed of orders: what is in them.
    pub shown: Vec<(Id, BTreeMap<String, i64>)>,
    /// Orders of others that were asked for: (order, status of the answer).
    pub pried: Vec<(Id, u16)>,
}

/// An order as its customer placed it.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    pub key: String,
    /// When it was first asked for, in time since the run began.
    pub asked_at: Duration,
    /// When an answer to its key came last.
    pub answered_at: Duration,
    pub lines: Vec<(String, i64)>,
    /// The first definitive answer.
    pub answer: Option<KeyAnswer>,
    /// A cancellation of it was accepted.
    pub cancel_accepted: bool,
    /// Statuses that were read, and the times of their first arrival where a timeline said so.
    pub seen: BTreeMap<String, Option<i64>>,
    /// The buyer was gone before the answer and will not ask again.
    pub forgotten: bool,
}

/// The definitive answer to an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAnswer {
    pub status: u16,
    pub location: String,
    pub body: String,
    /// The order that it names.
    pub order_id: Id,
    pub total: i64,
}

/// Two answers that cannot both be true, or one that cannot be at all.
#[derive(Clone, Debug)]
pub struct Contradiction {
    pub invariant: &'static str,
    pub order: Option<Id>,
    pub what: String,
}

impl ClientHistory {
    /// Notes an answer to the key of `order`, which came at `now` to who asked at `asked_at`. Every later one
    /// must be the same for as long as keys are kept; after that it may be an order of its own.
    pub fn answered(
        &mut self,
        (customer, order): (usize, usize),
        answer: KeyAnswer,
        asked_at: Duration,
        now: Duration,
    ) {
        let book = &mut self.customers[customer];
        let placed = &mut book.orders[order];
        placed.answered_at = now;
        let is_known = |again: &Placed| again.answer.as_ref() == Some(&answer);
        match &placed.answer {
            None => placed.answer = Some(answer),
            Some(first) if *first == answer => {}
            Some(_) if book.made_again.iter().any(is_known) => {}
            Some(_) if now >= placed.asked_at + self.keys_kept => {
                let (key, lines) = (placed.key.clone(), placed.lines.clone());
                let answer = Some(answer);
                book.made_again.push(Placed { key, lines, asked_at, answer, ..Placed::default() });
            }
            Some(first) => {
                let what = format!(
                    "one key was answered {} {:?} and then {} {:?}",
                    first.status, first.body, answer.status, answer.body
                );
                let order = Some(first.order_id.clone());
                self.contradictions.push(Contradiction {
                    invariant: "same key, same answer",
                    order,
                    what,
                });
            }
        }
    }

    /// Notes a status that a customer read of an order, with the time of its arrival if known. A
    /// timeline that once told a time must tell it for ever.
    pub fn saw(&mut self, customer: usize, order_id: &str, status: &str, at: Option<i64>) {
        let Some(placed) = self.customers[customer].placed(order_id) else { return };
        let seen = placed.seen.entry(status.to_owned()).or_default();
        match (*seen, at) {
            (Some(before), Some(now)) if before != now => {
                let what = format!("the timeline told {status} at {before}, then at {now}");
                self.contradictions.push(Contradiction {
                    invariant: "promises kept",
                    order: Some(order_id.into()),
                    what,
                });
            }
            (None, Some(now)) => *seen = Some(now),
            _ => {}
        }
    }

    /// When its customer first asked for an order; the beginning, of one that nobody has waited for.
    pub fn asked_at(&self, order: &str) -> Duration {
        let mut placed = self.customers.iter().flat_map(CustomerBook::all);
        let known = |placed: &&Placed| placed.order_id().is_some_and(|id| **id == *order);
        placed.find(known).map_or(Duration::ZERO, |placed| placed.asked_at)
    }

    /// An answer that cannot be.
    pub fn contradict(
        &mut self,
        invariant: &'static str,
        order: Option<&str>,
        what: impl Into<String>,
    ) {
        let order = order.map(Id::from);
        self.contradictions.push(Contradiction { invariant, order, what: what.into() });
    }
}

impl CustomerBook {
    /// The order with this id, if this customer knows it.
    pub fn placed(&mut self, order_id: &str) -> Option<&mut Placed> {
        let mut all = self.orders.iter_mut().chain(&mut self.made_again);
        all.find(|placed| placed.order_id().is_some_and(|id| **id == *order_id))
    }

    /// Every order, those that a key made again last.
    pub fn all(&self) -> impl Iterator<Item = &Placed> {
        self.orders.iter().chain(&self.made_again)
    }
}

impl Placed {
    /// How many orders may have come of its key, if answers are kept for so long.
    pub fn orders_max(&self, keys_kept: Duration) -> u128 {
        let asked_for = self.answered_at.saturating_sub(self.asked_at);
        1 + asked_for.as_micros() / keys_kept.as_micros().max(1)
    }

    pub fn order_id(&self) -> Option<&Id> {
        self.answer.as_ref().map(|answer| &answer.order_id)
    }
}
