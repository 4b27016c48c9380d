//! Taking the saga's steps: what an answer changes, and what follows from it. Pure.
//!
//! [`answered`] writes a call's result into the case, [`advance`] writes the next intent. Both
//! return [`Effect`]s, which the sweep and the consumers carry out in the same transaction.

use std::time::Duration;

use super::allocation::{self, Share};
use super::order::OrderStatus;
use super::payment::PaymentStatus;
use super::saga::{Case, Delivery, Goal, Step, Stock, next};
use crate::error::Error;
use crate::messages::{PaymentOutcome, PaymentResult};
use crate::ports::Rng;
use crate::settings;
use crate::time::Time;
use crate::warehouse::dto::State;

/// What a definitive answer says.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Available(Vec<Share>),
    /// The reservation as it stands now, whatever was asked.
    Reservation {
        state: State,
        held: Vec<Share>,
    },
    NotEnough,
    Payment(PaymentResult),
    Refunded {
        transaction_id: String,
    },
    RefundRefused {
        why: String,
    },
}

/// What has to happen in the transaction besides saving the case.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    OrderMoved {
        from: OrderStatus,
        to: OrderStatus,
        words: &'static str,
    },
    PaymentMoved {
        from: PaymentStatus,
        to: PaymentStatus,
        words: String,
    },
    /// Something else worth telling: a state of the saga, and words.
    Told {
        state: &'static str,
        words: String,
    },
    MailSuccess,
    MailFail,
    MailRefund,
    MailLost,
    QueueDebit,
    RequestDelivery,
    CancelDelivery,
    Alert {
        kind: &'static str,
        text: String,
    },
}

/// What the steps depend on besides the case.
pub struct Context<'a> {
    pub now: Time,
    pub settings: &'a settings::Saga,
    pub rng: &'a dyn Rng,
}

/// How the work on a case goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Take the next step now.
    Go,
    /// Let the case rest and try again after this time.
    Wait(Duration),
}

/// Moves the order and says so.
pub fn move_order(case: &mut Case, to: OrderStatus, at: Time, words: &'static str) -> Effect {
    let from = case.order.status;
    case.order.become_status(to, at);
    Effect::OrderMoved { from, to, words }
}

fn move_payment(case: &mut Case, to: PaymentStatus, words: impl Into<String>) -> Effect {
    let from = case.payment.status;
    case.payment.become_status(to);
    Effect::PaymentMoved { from, to, words: words.into() }
}

/// Gives up on delivering: undo, then FAILED.
fn fail(case: &mut Case, reason: impl Into<String>) {
    if case.saga.goal == Goal::Deliver {
        case.saga.goal = Goal::Fail;
        case.order.reason = reason.into();
    }
}

/// Writes a call's outcome into the case. The case may have moved on while the call was out (a
/// cancel, a queued result), so every arm reads the state before it writes.
pub fn answered(
    case: &mut Case,
    step: Step,
    answer: Result<Reply, Error>,
    context: &Context<'_>,
) -> (Turn, Vec<Effect>) {
    let effects = match answer {
        Ok(Reply::Available(shelves)) => plan_again(case, &shelves),
        Ok(Reply::Reservation { state, held }) => reservation_is(case, state, held, context),
        Ok(Reply::NotEnough) => lost_the_race(case, context),
        Ok(Reply::Payment(result)) => payment_settled(case, &result, context),
        Ok(Reply::Refunded { transaction_id }) => refunded(case, transaction_id),
        Ok(Reply::RefundRefused { why }) => park(case, why),
        Err(error) => return in_trouble(case, step, &error, context),
    };
    // An answer that leaves the same call to be made (a release that is answered HELD) is no
    // progress: without a wait the case would go round as fast as the network carries it.
    if next(case) != step {
        return (Turn::Go, effects);
    }
    case.saga.attempts += 1;
    (back_off(case, context), effects)
}

/// The wait after the attempts so far.
fn back_off(case: &Case, context: &Context<'_>) -> Turn {
    let attempt = u32::try_from(case.saga.attempts).unwrap_or(u32::MAX);
    Turn::Wait(context.settings.backoff.delay(attempt, context.rng))
}

fn plan_again(case: &mut Case, shelves: &[Share]) -> Vec<Effect> {
    let wanted: Vec<_> = case.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
    match allocation::plan(&wanted, shelves) {
        Ok(plan) => {
            let words = format!("plans again: {}", allocation::words(&plan));
            case.allocation = plan;
            vec![Effect::Told { state: "REPLANNED", words }]
        }
        Err((sku, available)) => {
            fail(case, format!("There is not enough {sku}: {available} left."));
            Vec::new()
        }
    }
}

/// Somebody else took the stock between plan and reservation: plan anew, a few times.
fn lost_the_race(case: &mut Case, context: &Context<'_>) -> Vec<Effect> {
    case.saga.replans += 1;
    match case.saga.replans > context.settings.replans {
        true => fail(case, "There is not enough stock."),
        false => case.allocation.clear(),
    }
    Vec::new()
}

/// Adopts what the Warehouse says is so.
fn reservation_is(
    case: &mut Case,
    state: State,
    held: Vec<Share>,
    context: &Context<'_>,
) -> Vec<Effect> {
    case.saga.stock = match state {
        State::Held => Stock::Held,
        State::Committed => Stock::Committed,
        State::Released | State::Returned | State::Absent => Stock::Free,
    };
    if matches!(state, State::Held | State::Committed) {
        case.allocation = held;
        return Vec::new();
    }
    if case.saga.goal != Goal::Deliver {
        return Vec::new();
    }
    // Nobody but this saga releases, so the goods of an order that is to be delivered cannot be
    // free. If they are, people look, and the money does not stay behind.
    let text = "The reservation is gone although the order is to be delivered.".to_owned();
    let mut effects = vec![Effect::Alert { kind: "reservation gone", text }];
    match case.order.status {
        OrderStatus::PendingPayment => fail(case, "The reservation was lost."),
        _ => {
            case.saga.goal = Goal::Cancel;
            case.order.reason = "The reservation was lost.".into();
            let words = "must cancel: the reservation is gone";
            effects.push(move_order(case, OrderStatus::CancelPending, context.now, words));
        }
    }
    effects
}

/// The Bank's definitive word on the debit, by whichever road. Late repeats change nothing.
pub fn payment_settled(
    case: &mut Case,
    result: &PaymentResult,
    context: &Context<'_>,
) -> Vec<Effect> {
    if case.payment.status != PaymentStatus::DebitIntent {
        return Vec::new();
    }
    match result.outcome {
        PaymentOutcome::Debited => {
            case.payment.transaction_id = result.transaction_id.clone().unwrap_or_default();
            let mut effects = vec![move_payment(case, PaymentStatus::Debited, "")];
            if case.saga.goal == Goal::Deliver {
                effects.push(move_order(case, OrderStatus::Paid, context.now, "is paid"));
                effects.push(Effect::MailSuccess);
            }
            effects
        }
        PaymentOutcome::Declined => {
            let reason = result.reason.as_deref().unwrap_or("declined");
            fail(case, format!("The payment was declined: {reason}."));
            vec![move_payment(case, PaymentStatus::Declined, "")]
        }
        PaymentOutcome::Voided => {
            fail(case, "The payment was given up.");
            vec![move_payment(case, PaymentStatus::Voided, "")]
        }
    }
}

fn refunded(case: &mut Case, transaction_id: String) -> Vec<Effect> {
    if case.payment.status != PaymentStatus::RefundDue {
        return Vec::new();
    }
    let recovered = !case.payment.parked_reason.is_empty();
    case.payment.refund_id = transaction_id;
    case.payment.parked_reason.clear();
    let mut effects = vec![move_payment(case, PaymentStatus::Refunded, ""), Effect::MailRefund];
    if recovered {
        let words = "the parked refund went through".to_owned();
        effects.push(Effect::Told { state: "REFUND_RECOVERED", words });
    }
    effects
}

/// A refund is never dropped: it waits for people and for the slow probe.
fn park(case: &mut Case, why: String) -> Vec<Effect> {
    if case.payment.status != PaymentStatus::RefundDue {
        return Vec::new();
    }
    let text = format!("The refund of {} is parked: {why}.", case.order.total);
    let words = format!("parks the refund: {why}");
    case.payment.parked_reason = why;
    vec![
        move_payment(case, PaymentStatus::Parked, words),
        Effect::Alert { kind: "refund parked", text },
    ]
}

/// No definitive answer. If the case has moved on to another step meanwhile, that one is due now.
fn in_trouble(
    case: &mut Case,
    step: Step,
    error: &Error,
    context: &Context<'_>,
) -> (Turn, Vec<Effect>) {
    if next(case) != step {
        return (Turn::Go, Vec::new());
    }
    case.saga.attempts += 1;
    let attempts = case.saga.attempts;
    let mut effects = Vec::new();
    if let Error::Rejected(problem) = error {
        // The caller is at fault, so no retry helps before people do; but nothing is dropped.
        let text = format!("{}: {}", step.as_str(), problem.detail);
        effects.push(Effect::Alert { kind: "step refused", text });
    }
    match step {
        Step::Debit
            if attempts >= context.settings.debit_quick_retries && !case.saga.debit_queued =>
        {
            case.saga.debit_queued = true;
            effects.push(Effect::QueueDebit);
            return (Turn::Wait(context.settings.debit_probe), effects);
        }
        Step::Debit if case.saga.debit_queued => {
            return (Turn::Wait(context.settings.debit_probe), effects);
        }
        Step::Refund => {
            // A probe of a parked refund has one attempt.
            let probing = !case.payment.parked_reason.is_empty();
            if probing || attempts >= context.settings.refund_attempts {
                effects.extend(park(case, "the bank does not answer".into()));
                return (Turn::Go, effects);
            }
        }
        _ => {}
    }
    (back_off(case, context), effects)
}

/// Takes every step that needs no other service, then writes the intent of the next call and
/// returns it; or sets the timer and returns `None`: the case rests.
pub fn advance(case: &mut Case, context: &Context<'_>) -> (Option<Step>, Vec<Effect>) {
    let mut effects = Vec::new();
    loop {
        let step = next(case);
        let again = case.saga.step == step;
        if !again {
            case.saga.step = step;
            case.saga.attempts = 0;
        }
        match step {
            Step::Plan | Step::Release | Step::Return | Step::Void => {
                return (Some(step), effects);
            }
            Step::Reserve => {
                case.saga.stock = Stock::ReserveStarted;
                let words = match again {
                    true => "reserves again, same order".to_owned(),
                    false => format!("reserves: {}", allocation::words(&case.allocation)),
                };
                effects.push(Effect::Told { state: "RESERVE_STARTED", words });
                return (Some(step), effects);
            }
            Step::Debit => {
                if case.payment.status == PaymentStatus::None {
                    effects.push(move_payment(case, PaymentStatus::DebitIntent, ""));
                }
                let words = if again { "asks again for the debit, same key" } else { "" };
                effects.push(Effect::Told { state: "DEBIT_STARTED", words: words.into() });
                return (Some(step), effects);
            }
            Step::Commit => {
                case.saga.stock = Stock::CommitStarted;
                return (Some(step), effects);
            }
            Step::Refund => {
                if case.payment.status == PaymentStatus::Debited {
                    effects.push(move_payment(case, PaymentStatus::RefundDue, ""));
                }
                return (Some(step), effects);
            }
            Step::RequestDelivery => {
                case.saga.delivery = Delivery::Requested;
                effects.push(Effect::RequestDelivery);
            }
            Step::CancelDelivery => {
                case.saga.delivery = Delivery::CancelRequested;
                effects.push(Effect::CancelDelivery);
            }
            Step::AwaitCarrier => {
                if again && case.saga.next_attempt_at <= context.now.0 {
                    effects.push(match case.saga.delivery {
                        Delivery::CancelRequested => Effect::CancelDelivery,
                        _ => Effect::RequestDelivery,
                    });
                }
                rest(case, context.now + context.settings.carrier_silence);
                return (None, effects);
            }
            Step::AwaitRefund => {
                if again && case.saga.next_attempt_at <= context.now.0 {
                    effects.push(move_payment(
                        case,
                        PaymentStatus::RefundDue,
                        "tries the parked refund",
                    ));
                    continue;
                }
                rest(case, context.now + context.settings.probe_every);
                return (None, effects);
            }
            Step::Finish => effects.extend(finish(case, context)),
            Step::Rest => {
                rest(case, Time(i64::MAX));
                return (None, effects);
            }
        }
    }
}

fn finish(case: &mut Case, context: &Context<'_>) -> Vec<Effect> {
    let goal = std::mem::replace(&mut case.saga.goal, Goal::Done);
    match goal {
        Goal::Fail => {
            vec![move_order(case, OrderStatus::Failed, context.now, "fails"), Effect::MailFail]
        }
        Goal::Cancel => {
            vec![move_order(case, OrderStatus::Cancelled, context.now, "is cancelled")]
        }
        Goal::Deliver | Goal::Refund | Goal::Done => Vec::new(),
    }
}

/// Hands the lease back and sets the timer.
pub fn rest(case: &mut Case, until: Time) {
    case.saga.next_attempt_at = until.0;
    case.saga.lease_owner.clear();
    case.saga.lease_until = 0;
}

/// After news for a case that nobody works on: makes it due now if the news changes what is next,
/// or restarts the wait for the carrier's word. A case in hand is left to its owner, who sees the
/// news when its call returns; and if it never returns, the lease's end makes the case due.
/// Returns whether the sweep has work.
pub fn wake(case: &mut Case, now: Time, settings: &settings::Saga) -> bool {
    if !case.saga.lease_owner.is_empty() {
        return false;
    }
    match next(case) {
        Step::Rest => {
            case.saga.step = Step::Rest;
            rest(case, Time(i64::MAX));
            false
        }
        Step::AwaitCarrier if case.saga.step == Step::AwaitCarrier => {
            rest(case, now + settings.carrier_silence);
            false
        }
        _ => {
            case.saga.next_attempt_at = now.0;
            true
        }
    }
}
