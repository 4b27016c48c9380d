//! Taking the saga's steps: the intent of the next call, or the rest until something is due. Pure.
//!
//! What the call's answer then changes is told in `answers.rs`. Both return [`Effect`]s, which the sweep
//! and the consumers carry out in the same transaction.

use std::time::Duration;

use stormproof_ports::Rng;
use stormproof_ports::time::Time;

use super::turns::{self, Taken, wait};
use super::{Case, DeliveryState, Goal, Next, Step, Stock, next};
use crate::settings;
use crate::store::allocation;
use crate::store::order::OrderStatus;
use crate::store::payment::PaymentStatus;

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
    /// `cause` tells it from other alerts of its kind about the order; mostly it is the only one.
    Alert {
        kind: &'static str,
        cause: &'static str,
        text: String,
    },
}

/// What the steps depend on besides the case.
pub struct Conditions<'a> {
    pub now: Time,
    pub settings: &'a settings::Saga,
    pub rng: &'a dyn Rng,
}

/// Moves the order and says so.
pub fn move_order(case: &mut Case, to: OrderStatus, at: Time, words: &'static str) -> Effect {
    let from = case.order.status;
    case.order.become_status(to, at);
    Effect::OrderMoved { from, to, words }
}

/// Moves the payment and says so.
pub fn move_payment(case: &mut Case, to: PaymentStatus, words: impl Into<String>) -> Effect {
    let from = case.payment.status;
    case.payment.become_status(to);
    Effect::PaymentMoved { from, to, words: words.into() }
}

/// Takes every step that needs no other service, then writes the intent of the next call and
/// returns it; or sets the timer and returns `None`: the case rests.
pub fn advance(case: &mut Case, conditions: &Conditions<'_>) -> (Option<Step>, Vec<Effect>) {
    let mut effects = Vec::new();
    loop {
        let (step, taken) = turns::take(case, conditions.now);
        if taken == Taken::NotYet {
            return (None, effects);
        }
        let again = taken == Taken::Again;
        let is_due = again && case.saga.next_attempt_at <= conditions.now.0;
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
                case.saga.delivery = DeliveryState::Requested;
                effects.push(Effect::RequestDelivery);
            }
            Step::CancelDelivery => {
                case.saga.delivery = DeliveryState::CancelRequested;
                effects.push(Effect::CancelDelivery);
            }
            Step::AwaitCarrier => {
                if is_due {
                    case.saga.attempts += 1;
                    effects.push(match case.saga.delivery {
                        DeliveryState::CancelRequested => Effect::CancelDelivery,
                        _ => Effect::RequestDelivery,
                    });
                    effects.extend(stuck(case, step, "the carrier is silent", conditions));
                }
                rest(case, conditions.now + silence(case, conditions.settings));
                return (None, effects);
            }
            Step::AwaitRefund => {
                if is_due {
                    let words = "tries the parked refund";
                    effects.push(move_payment(case, PaymentStatus::RefundDue, words));
                } else if !wait(case, conditions.now, conditions.settings.probe_every) {
                    return (None, effects);
                }
            }
            Step::Finish => effects.extend(finish(case, conditions)),
            Step::Rest => {
                rest(case, Time(i64::MAX));
                return (None, effects);
            }
        }
    }
}

fn finish(case: &mut Case, conditions: &Conditions<'_>) -> Vec<Effect> {
    let goal = std::mem::replace(&mut case.saga.goal, Goal::Done);
    match goal {
        Goal::Fail => {
            vec![move_order(case, OrderStatus::Failed, conditions.now, "fails"), Effect::MailFail]
        }
        Goal::Cancel => {
            vec![move_order(case, OrderStatus::Cancelled, conditions.now, "is cancelled")]
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
        Next { step: Step::Rest, .. } => {
            case.saga.step = Step::Rest;
            rest(case, Time(i64::MAX));
            false
        }
        Next { step: Step::AwaitCarrier, .. } if case.saga.step == Step::AwaitCarrier => {
            case.saga.since = now.0;
            rest(case, now + silence(case, settings));
            false
        }
        _ => {
            case.saga.next_attempt_at = now.0;
            case.saga.aside.until = case.saga.aside.until.min(now.0);
            true
        }
    }
}

/// How long the carrier may be silent: twice as long after each question, as long as it tells nothing new.
fn silence(case: &Case, settings: &settings::Saga) -> Duration {
    let questions = u32::try_from(case.saga.attempts).unwrap_or(u32::MAX).min(16);
    let longest = settings.carrier_silence_max.max(settings.carrier_silence);
    settings.carrier_silence.saturating_mul(1 << questions).min(longest)
}

/// Whether nothing has come of the step in hand for so long that people have to hear of it.
pub fn is_stuck(case: &Case, conditions: &Conditions<'_>) -> bool {
    conditions.now.since(Time(case.saga.since)) >= conditions.settings.stuck_after
}

/// Of a step that is stuck support hears, and again while it lasts.
pub fn stuck(case: &Case, step: Step, why: &str, conditions: &Conditions<'_>) -> Option<Effect> {
    is_stuck(case, conditions).then(|| {
        let minutes = conditions.now.since(Time(case.saga.since)).as_secs() / 60;
        let (cause, attempts) = (step.as_str(), case.saga.attempts);
        let text = format!(
            "{cause} has not got anywhere for {minutes} minutes ({attempts} attempts): {why}."
        );
        Effect::Alert { kind: "stuck", cause, text }
    })
}
