//! Taking the saga's steps: the intent of the next call, or the rest until something is due. Pure.
//!
//! What the call's answer then changes is told in `answers.rs`. Both return [`Effect`]s, which the sweep
//! and the consumers carry out in the same transaction.

use stormproof_ports::Rng;
use stormproof_ports::time::Time;

use super::{Case, DeliveryState, Goal, Step, Stock, next};
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
    Alert {
        kind: &'static str,
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
                case.saga.delivery = DeliveryState::Requested;
                effects.push(Effect::RequestDelivery);
            }
            Step::CancelDelivery => {
                case.saga.delivery = DeliveryState::CancelRequested;
                effects.push(Effect::CancelDelivery);
            }
            Step::AwaitCarrier => {
                if again && case.saga.next_attempt_at <= conditions.now.0 {
                    effects.push(match case.saga.delivery {
                        DeliveryState::CancelRequested => Effect::CancelDelivery,
                        _ => Effect::RequestDelivery,
                    });
                }
                rest(case, conditions.now + conditions.settings.carrier_silence);
                return (None, effects);
            }
            Step::AwaitRefund => {
                if again && case.saga.next_attempt_at <= conditions.now.0 {
                    effects.push(move_payment(
                        case,
                        PaymentStatus::RefundDue,
                        "tries the parked refund",
                    ));
                    continue;
                }
                rest(case, conditions.now + conditions.settings.probe_every);
                return (None, effects);
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
