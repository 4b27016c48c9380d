//! The steps of an order: what is next (`protocol.md` §2). Pure.
//!
//! A saga has a goal and remembers how far stock and delivery have come; [`next`] reads them (and
//! order and payment) and names the next step, forward or backward, or two that do not wait for each
//! other. `progress.rs` takes them, `turns.rs` says which one and when, and `answers.rs` writes down what
//! came of it. There is no script and no program counter, so a step that ran twice, half, or out of turn
//! changes nothing: the state says what is left to do.

pub mod answers;
pub mod progress;
pub mod turns;

#[cfg(test)]
mod answers_tests;
#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod turns_tests;

use stormproof_ports::time::Time;

use crate::store::allocation::Share;
use crate::store::order::{Order, OrderLine, OrderStatus};
use crate::store::payment::{Payment, PaymentStatus};

/// Where the saga is heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Deliver the order.
    Deliver,
    /// Undo what was done, then FAILED.
    Fail,
    /// Undo what was done, then CANCELLED.
    Cancel,
    /// The parcel is lost: give the money back; the order stays LOST.
    Refund,
    /// Nothing is left to do.
    Done,
}

/// How far the stock has come, as far as the Store knows. A name in `-Started` is an intent: its
/// call may or may not have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stock {
    None,
    ReserveStarted,
    Held,
    CommitStarted,
    Committed,
    /// Released or returned: nothing of it is ours.
    Free,
}

/// How far the delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    None,
    Requested,
    CancelRequested,
    Cancelled,
}

/// A step. The first seven are calls to other services; intent and result of each commit apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for fresh availability and plan again.
    Plan,
    Reserve,
    Debit,
    /// Commit the reservation.
    Commit,
    /// Give up the debit: VOIDED, or DEBITED and then to be refunded.
    Void,
    /// Give a reservation back that is not committed.
    Release,
    /// Give a committed reservation back.
    Return,
    Refund,
    /// By message: ask the carrier to deliver.
    RequestDelivery,
    /// By message: ask the carrier not to.
    CancelDelivery,
    /// Wait for the carrier's word; ask again after a long silence.
    AwaitCarrier,
    /// Wait for the slow probe or the operator.
    AwaitRefund,
    /// All is done or undone: the order reaches its last status.
    Finish,
    /// Nothing to do.
    Rest,
}

/// Where the saga of an order stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Saga {
    pub goal: Goal,
    pub stock: Stock,
    pub delivery: DeliveryState,
    /// The call whose intent is written; `Rest` between calls.
    pub step: Step,
    /// Failed attempts at the current step.
    pub attempts: i64,
    /// Since when nothing has come of it.
    pub since: i64,
    /// New allocations so far.
    pub replans: i64,
    /// The debit also travels by queue.
    pub debit_queued: bool,
    pub next_attempt_at: i64,
    /// The replica that works on it; empty: nobody.
    pub lease_owner: String,
    pub lease_until: i64,
    /// Raised by every claim; a write with an older one is fenced off.
    pub epoch: i64,
    /// The other step, where there are two and this one waits.
    pub aside: Aside,
}

/// A step that was tried and waits while another is in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside {
    /// `Rest`: there is none.
    pub step: Step,
    pub attempts: i64,
    pub since: i64,
    /// When it is due again.
    pub until: i64,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    pub step: Step,
    /// What does not wait for it.
    pub beside: Option<Step>,
}

/// An order with all that its saga decides on. One aggregate, loaded and saved as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub order: Order,
    pub payment: Payment,
    pub saga: Saga,
    pub lines: Vec<OrderLine>,
    pub allocation: Vec<Share>,
}

impl Saga {
    /// A saga that waits to be claimed.
    pub fn new(now: i64) -> Saga {
        Saga {
            goal: Goal::Deliver,
            stock: Stock::None,
            delivery: DeliveryState::None,
            step: Step::Rest,
            attempts: 0,
            since: now,
            replans: 0,
            debit_queued: false,
            next_attempt_at: now,
            lease_owner: String::new(),
            lease_until: 0,
            epoch: 0,
            aside: Aside::NONE,
        }
    }

    /// When it is due, if it ever is.
    pub fn next_attempt(&self) -> Option<Time> {
        (self.next_attempt_at < i64::MAX).then_some(Time(self.next_attempt_at))
    }
}

impl Aside {
    /// Nothing is put aside.
    pub const NONE: Aside = Aside { step: Step::Rest, attempts: 0, since: 0, until: 0 };
}

impl Next {
    /// Whether `step` is to be done.
    pub fn has(self, step: Step) -> bool {
        self.step == step || self.beside == Some(step)
    }
}

impl From<Step> for Next {
    fn from(step: Step) -> Next {
        Next { step, beside: None }
    }
}

/// The next step, from the state alone.
///
/// Undoing follows the protocol's order: resolve what is in doubt, get the carrier's answer, give
/// the stock back and refund, each on its own, and only then the last status.
pub fn next(case: &Case) -> Next {
    let saga = &case.saga;
    let payment = case.payment.status;
    match saga.goal {
        Goal::Done => Step::Rest.into(),
        Goal::Deliver => forward(case).into(),
        Goal::Fail | Goal::Cancel => match (payment, saga.delivery) {
            (PaymentStatus::DebitIntent, _) => Step::Void.into(),
            (_, DeliveryState::Requested) => Step::CancelDelivery.into(),
            (_, DeliveryState::CancelRequested) => Step::AwaitCarrier.into(),
            _ => match (give_back(saga.stock), refund(payment)) {
                (Some(step), beside) => Next { step, beside },
                (None, Some(step)) => step.into(),
                (None, None) => Step::Finish.into(),
            },
        },
        Goal::Refund => refund(payment).unwrap_or(Step::Finish).into(),
    }
}

fn forward(case: &Case) -> Step {
    match (case.saga.stock, case.payment.status, case.saga.delivery) {
        (Stock::None | Stock::ReserveStarted, _, _) if case.allocation.is_empty() => Step::Plan,
        (Stock::None | Stock::ReserveStarted, _, _) => Step::Reserve,
        (Stock::Held, PaymentStatus::None | PaymentStatus::DebitIntent, _) => Step::Debit,
        (Stock::Held | Stock::CommitStarted, _, _) => Step::Commit,
        (Stock::Committed | Stock::Free, _, DeliveryState::None) => Step::RequestDelivery,
        (Stock::Committed | Stock::Free, _, _) => Step::AwaitCarrier,
    }
}

fn give_back(stock: Stock) -> Option<Step> {
    match stock {
        Stock::ReserveStarted | Stock::Held | Stock::CommitStarted => Some(Step::Release),
        Stock::Committed => Some(Step::Return),
        Stock::None | Stock::Free => None,
    }
}

fn refund(payment: PaymentStatus) -> Option<Step> {
    match payment {
        PaymentStatus::Debited | PaymentStatus::RefundDue => Some(Step::Refund),
        PaymentStatus::Parked => Some(Step::AwaitRefund),
        _ => None,
    }
}

/// What the customer reads besides the status; empty while there is nothing to explain.
pub fn explanation(case: &Case) -> String {
    match (case.order.status, case.payment.status) {
        (_, PaymentStatus::Parked) => format!(
            "The refund is delayed and our support team is on it: {}.",
            case.payment.parked_reason
        ),
        (OrderStatus::PendingPayment, PaymentStatus::DebitIntent) => {
            "Your payment is being confirmed.".to_owned()
        }
        _ => case.order.reason.clone(),
    }
}

macro_rules! names {
    ($($type:ident: $($variant:ident $name:literal),* ;)*) => {$(
        impl $type {
            pub const ALL: &[$type] = &[$($type::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                }
            }

            pub fn parse(text: &str) -> Option<$type> {
                $type::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }
    )*};
}

names! {
    Goal: Deliver "DELIVER", Fail "FAIL", Cancel "CANCEL", Refund "REFUND", Done "DONE";
    Stock: None "NONE", ReserveStarted "RESERVE_STARTED", Held "HELD",
        CommitStarted "COMMIT_STARTED", Committed "COMMITTED", Free "FREE";
    DeliveryState: None "NONE", Requested "REQUESTED", CancelRequested "CANCEL_REQUESTED",
        Cancelled "CANCELLED";
    Step: Plan "PLAN", Reserve "RESERVE", Debit "DEBIT", Commit "COMMIT", Void "VOID",
        Release "RELEASE", Return "RETURN", Refund "REFUND",
        RequestDelivery "REQUEST_DELIVERY", CancelDelivery "CANCEL_DELIVERY",
        AwaitCarrier "AWAIT_CARRIER", AwaitRefund "AWAIT_REFUND", Finish "FINISH", Rest "REST";
}
