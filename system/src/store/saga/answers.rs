//! What an answer changes: a call's result is written into the case. Pure.

use std::time::Duration;

use super::progress::{Conditions, Effect, is_stuck, move_order, move_payment, stuck};
use super::{Case, Goal, Step, Stock, next};
use crate::error::Error;
use crate::messages::{PaymentOutcome, PaymentResult};
use crate::store::allocation::{self, Share};
use crate::store::order::OrderStatus;
use crate::store::payment::PaymentStatus;
use crate::warehouse::dto::State;
use stormproof_ports::retry::Backoff;

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

/// How the work on a case goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Take the next step now.
    Go,
    /// Let the step rest and try again after this time.
    Wait(Duration),
}

/// Writes a call's outcome into the case. The case may have moved on while the call was out (a
/// cancel, a queued result), so every arm reads the state before it writes.
pub fn answered(
    case: &mut Case,
    step: Step,
    answer: Result<Reply, Error>,
    conditions: &Conditions<'_>,
) -> (Turn, Vec<Effect>) {
    let mut effects = match answer {
        Ok(Reply::Available(shelves)) => plan_again(case, &shelves),
        Ok(Reply::Reservation { state, held }) => reservation_is(case, state, held, conditions),
        Ok(Reply::NotEnough) => return lost_the_race(case, conditions),
        Ok(Reply::Payment(result)) => payment_settled(case, &result, conditions),
        Ok(Reply::Refunded { transaction_id }) => refunded(case, transaction_id),
        Ok(Reply::RefundRefused { why }) => park(case, why),
        Err(error) => return in_trouble(case, step, &error, conditions),
    };
    // An answer that leaves the same call to be made (a release that is answered HELD) is no
    // progress: without a wait the case would go round as fast as the network carries it.
    if !next(case).has(step) {
        return (Turn::Go, effects);
    }
    case.saga.attempts += 1;
    effects.extend(stuck(case, step, "the answer leaves it to be done", conditions));
    (back_off(case, conditions), effects)
}

/// The wait after the attempts so far; what is stuck is tried less and less.
fn back_off(case: &Case, conditions: &Conditions<'_>) -> Turn {
    let settings = conditions.settings;
    let attempt = u32::try_from(case.saga.attempts).unwrap_or(u32::MAX);
    let cap = if is_stuck(case, conditions) { settings.stuck_pause } else { settings.backoff.cap };
    let backoff = Backoff { cap: cap.max(settings.backoff.cap), ..settings.backoff };
    Turn::Wait(backoff.delay(attempt, conditions.rng))
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

/// After so many waits for stock support is told, once: rivals end, so people have to see whether it is they.
const LOSSES_TOLD: u32 = 10;

/// Somebody else took the stock between plan and reservation: plan anew, a few times at once, then with
/// longer and longer waits. Nobody is refused for having lost: whether there is enough, the next plan finds out.
fn lost_the_race(case: &mut Case, conditions: &Conditions<'_>) -> (Turn, Vec<Effect>) {
    case.saga.replans += 1;
    case.allocation.clear();
    let beyond = u32::try_from(case.saga.replans - conditions.settings.replans).unwrap_or(0);
    let turn = match case.saga.goal {
        Goal::Deliver if beyond > 0 => {
            Turn::Wait(conditions.settings.backoff.delay(beyond, conditions.rng))
        }
        _ => Turn::Go,
    };
    let mut effects = Vec::new();
    if beyond == LOSSES_TOLD {
        let text =
            "The order loses its stock again and again, though plans find enough.".to_owned();
        effects.push(Effect::Alert { kind: "stock lost again", cause: "", text });
    }
    (turn, effects)
}

/// Adopts what the Warehouse says is so.
fn reservation_is(
    case: &mut Case,
    state: State,
    held: Vec<Share>,
    conditions: &Conditions<'_>,
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
    let mut effects = vec![Effect::Alert { kind: "reservation gone", cause: "", text }];
    match case.order.status {
        OrderStatus::PendingPayment => fail(case, "The reservation was lost."),
        _ => {
            case.saga.goal = Goal::Cancel;
            case.order.reason = "The reservation was lost.".into();
            let words = "must cancel: the reservation is gone";
            effects.push(move_order(case, OrderStatus::CancelPending, conditions.now, words));
        }
    }
    effects
}

/// The Bank's definitive word on the debit, by whichever road. Late repeats change nothing.
pub fn payment_settled(
    case: &mut Case,
    result: &PaymentResult,
    conditions: &Conditions<'_>,
) -> Vec<Effect> {
    if case.payment.status != PaymentStatus::DebitIntent {
        return Vec::new();
    }
    match result.outcome {
        PaymentOutcome::Debited => {
            case.payment.transaction_id = result.transaction_id.clone().unwrap_or_default();
            let mut effects = vec![move_payment(case, PaymentStatus::Debited, "")];
            if case.saga.goal == Goal::Deliver {
                effects.push(move_order(case, OrderStatus::Paid, conditions.now, "is paid"));
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
        Effect::Alert { kind: "refund parked", cause: "", text },
    ]
}

/// No definitive answer. If the case has moved on to another step meanwhile, that one is due now.
fn in_trouble(
    case: &mut Case,
    step: Step,
    error: &Error,
    conditions: &Conditions<'_>,
) -> (Turn, Vec<Effect>) {
    if !next(case).has(step) {
        return (Turn::Go, Vec::new());
    }
    case.saga.attempts += 1;
    let attempts = case.saga.attempts;
    let mut effects: Vec<Effect> =
        stuck(case, step, &error.to_string(), conditions).into_iter().collect();
    if let Error::Rejected(problem) = error {
        // The caller is at fault, so no retry helps before people do; but nothing is dropped.
        let text = format!("{}: {}", step.as_str(), problem.detail);
        effects.push(Effect::Alert { kind: "step refused", cause: step.as_str(), text });
    }
    match step {
        Step::Debit
            if attempts >= conditions.settings.debit_quick_retries && !case.saga.debit_queued =>
        {
            case.saga.debit_queued = true;
            effects.push(Effect::QueueDebit);
            return (Turn::Wait(conditions.settings.debit_probe), effects);
        }
        Step::Debit if case.saga.debit_queued => {
            return (Turn::Wait(conditions.settings.debit_probe), effects);
        }
        Step::Refund => {
            // A probe of a parked refund has one attempt.
            let probing = !case.payment.parked_reason.is_empty();
            if probing || attempts >= conditions.settings.refund_attempts {
                effects.extend(park(case, "the bank does not answer".into()));
                return (Turn::Go, effects);
            }
        }
        _ => {}
    }
    (back_off(case, conditions), effects)
}

/// Gives up on delivering: undo, then FAILED.
fn fail(case: &mut Case, reason: impl Into<String>) {
    if case.saga.goal == Goal::Deliver {
        case.saga.goal = Goal::Fail;
        case.order.reason = reason.into();
    }
}
