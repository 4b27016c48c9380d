//! What the Store hears: the carrier's updates, and the Bank's answers to queued debits.

use futures::future::BoxFuture;
use stormproof_messaging::Transaction;
use stormproof_ports::Message;
use stormproof_ports::time::Time;
use stormproof_ports::worker::Worker;

use super::mapper::orders;
use super::notify::carry_out;
use super::order::{CarrierWord, OrderStatus, read_carrier};
use super::saga::answers::payment_settled;
use super::saga::progress::{Conditions, Effect, move_order, wake};
use super::saga::{Case, DeliveryState, Goal, Step};
use crate::consumer;
use crate::context::Context;
use crate::error::Error;
use crate::id::OrderId;
use crate::messages::{DELIVERY_UPDATES, DeliveryUpdate, PAYMENT_RESULTS, PaymentResult, decode};

/// The Store's consumers.
pub fn workers(context: &Context) -> Vec<Worker> {
    vec![
        consumer::batch_worker(context, DELIVERY_UPDATES, delivery_update),
        consumer::batch_worker(context, PAYMENT_RESULTS, payment_result),
    ]
}

fn delivery_update<'a>(
    context: &'a Context,
    transaction: &'a mut Transaction<'_>,
    message: &'a Message,
) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(async move {
        let update: DeliveryUpdate = decode(message)?;
        let before = known(transaction, &update.order_id).await?;
        let mut case = before.clone();
        let effects = hear_carrier(&mut case, &update);
        save(context, transaction, &before, case, effects).await
    })
}

/// Applies an update. An older one than the last applied fills its timestamp and does no more; but
/// a loss is not written into the timeline of what was delivered, however late the word of it
/// comes (`scenarios/regressions/loss_heard_after_the_find.toml`), nor a find, which the carrier
/// repeats when it refuses a cancel, into that of what was lost
/// (`scenarios/regressions/find_repeated_for_a_late_cancel.toml`).
fn hear_carrier(case: &mut Case, update: &DeliveryUpdate) -> Vec<Effect> {
    let at = Time(update.at);
    let word = read_carrier(case.order.status, update.status);
    if update.sequence <= case.order.carrier_sequence && word != CarrierWord::LostAfterDelivery {
        if word != CarrierWord::FoundAgain {
            case.order.carrier_was_at(update.status, at);
        }
        return Vec::new();
    }
    case.order.carrier_sequence = case.order.carrier_sequence.max(update.sequence);
    if case.saga.step == Step::AwaitCarrier {
        // It has something new to tell, so it is asked as often as at first.
        case.saga.attempts = 0;
    }
    match word {
        CarrierWord::Moves(status) => carrier_moves(case, status, at),
        CarrierWord::AgreesToCancel => {
            case.saga.delivery = DeliveryState::Cancelled;
            vec![Effect::Told {
                state: "CARRIER_AGREED",
                words: "the carrier agrees to cancel".into(),
            }]
        }
        CarrierWord::FoundAgain => vec![Effect::Alert {
            kind: "found after loss",
            cause: "",
            text: "A parcel that was lost and refunded has been delivered after all.".into(),
        }],
        CarrierWord::LostAfterDelivery => vec![Effect::Alert {
            kind: "lost after delivery",
            cause: "",
            text: "The carrier reports a loss after it had reported the delivery.".into(),
        }],
        CarrierWord::Late => {
            case.order.carrier_was_at(update.status, at);
            Vec::new()
        }
    }
}

/// What the carrier reports from CANCEL_PENDING is its refusal: the order goes on.
fn carrier_moves(case: &mut Case, status: OrderStatus, at: Time) -> Vec<Effect> {
    let mut effects = Vec::new();
    if case.order.status == OrderStatus::CancelPending && status != OrderStatus::Lost {
        case.saga.goal = Goal::Deliver;
        case.saga.delivery = DeliveryState::Requested;
        case.order.reason = "It was too late to cancel.".into();
        let words = "the carrier refuses to cancel".to_owned();
        effects.push(Effect::Told { state: "CANCEL_REFUSED", words });
    }
    let words = match status {
        OrderStatus::Received => "hears that the carrier has accepted",
        OrderStatus::PickedUp => "hears of the pick-up",
        OrderStatus::InTransit => "hears of the departure",
        OrderStatus::Delivered => "hears of the delivery",
        _ => "hears of the loss",
    };
    effects.push(move_order(case, status, at, words));
    match status {
        OrderStatus::Delivered => case.saga.goal = Goal::Done,
        OrderStatus::Lost => {
            case.saga.goal = Goal::Refund;
            case.order.reason = "The carrier lost your parcel.".into();
            effects.push(Effect::MailLost);
        }
        _ => {}
    }
    effects
}

fn payment_result<'a>(
    context: &'a Context,
    transaction: &'a mut Transaction<'_>,
    message: &'a Message,
) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(async move {
        let result: PaymentResult = decode(message)?;
        let before = known(transaction, &result.order_id).await?;
        let mut case = before.clone();
        let (now, rng) = (transaction.now(), &*context.ports.rng);
        let conditions = Conditions { now, settings: &context.settings.saga, rng };
        let effects = payment_settled(&mut case, &result, &conditions);
        save(context, transaction, &before, case, effects).await
    })
}

/// Writes what the news has changed, and has the order driven on if that gives it something to do.
async fn save(
    context: &Context,
    transaction: &mut Transaction<'_>,
    before: &Case,
    mut case: Case,
    effects: Vec<Effect>,
) -> Result<(), Error> {
    if wake(&mut case, transaction.now(), &context.settings.saga) {
        transaction.after_commit(&context.work_notify);
    }
    orders::save(transaction, before, &mut case).await?;
    carry_out(transaction, &case, effects).await
}

/// An order not known yet is no poison: its message comes again later (`protocol.md` §5.6).
async fn known(transaction: &mut Transaction<'_>, id: &OrderId) -> Result<Case, Error> {
    let case = orders::load(transaction, id).await?;
    case.ok_or_else(|| Error::Unavailable("the order is not known yet".into()))
}
