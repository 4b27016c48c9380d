//! The driver: claims every order that is due, by lease, and takes its steps. A new order is claimed by
//! whoever takes it down, in the same transaction.
//!
//! Several replicas run it over the same table. A claim raises the order's epoch; every later write
//! of the claim's owner checks it, because an owner that was paused wakes up again. Intent and
//! result of each call are commits of their own, and the result's commit writes the next intent.

use std::time::Duration;

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::{Transaction, transact};
use stormproof_ports::story::{self, Fact};
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};

use super::saga::answers::{Reply, Turn, answered};
use super::saga::progress::{Conditions, Effect, advance, rest};
use super::saga::turns;
use super::saga::{Case, Step};
use crate::context::Context;
use crate::error::Error;
use crate::id::OrderId;
use crate::store::gateway;
use crate::store::mapper::orders;
use crate::store::mapper::sagas::{self, Due};
use crate::store::notify::carry_out;
use crate::unreadable::{self, Unreadable};

/// Orders worked on at once by one replica.
const FLIGHTS_MAX: usize = 64;

/// How long calls in hand may take to end when the replica is told to stop, before it gives their orders back
/// all the same; and how often it looks.
const CALLS_END_WITHIN: Duration = Duration::from_millis(400);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The worker that drives the sagas. Orders in hand go on in its background.
pub fn worker(context: &Context) -> Worker {
    let driver = context.clone();
    let worker = Worker::new("saga", context.work_notify.clone(), move || {
        let context = driver.clone();
        Box::pin(async move { step(&context).await })
    });
    let leaving = context.clone();
    worker.with_background(&context.background).with_hand_over(move || {
        let context = leaving.clone();
        Box::pin(async move { hand_over(&context).await.map_err(|error| error.to_string()) })
    })
}

/// Whether this replica can take one more order in hand: not when it is about to stop.
pub fn has_room(context: &Context) -> bool {
    !context.background.is_closed() && context.background.count() < FLIGHTS_MAX
}

/// Gives the orders in hand back. Calls have a moment to come to their end; the answer to one that takes
/// longer is still written, unless another replica has asked again by then, with the same key.
async fn hand_over(context: &Context) -> Result<(), Error> {
    let deadline = context.ports.clock.now() + CALLS_END_WITHIN;
    while context.background.count() > 0 && context.ports.clock.now() < deadline {
        context.ports.clock.sleep(LOOK_EVERY).await;
    }
    let until = context.settings.saga.lease;
    transact(&context.ports, "hand_over", move |transaction| {
        async move {
            let now = transaction.now();
            let given_back = sagas::give_back(transaction, now, now + until).await?;
            if given_back > 0 {
                let words = format!("gives {given_back} orders back");
                transaction.tell(Fact::new("saga", "GIVEN_BACK", "", words));
            }
            Ok(())
        }
        .scope_boxed()
    })
    .await
}

/// Lets a claimed order fly; the intent of its call is written.
pub fn begin(context: &Context, case: Case, step: Step) {
    context.background.begin(drive(context.clone(), case, step));
}

/// Claims what is due, and lets it fly. Where there is no room, the end of a flight notifies.
async fn step(context: &Context) -> Progress {
    if !has_room(context) {
        return Progress::Idle(None);
    }
    match claim(context).await {
        Ok(claimed) => {
            claimed.cases.into_iter().for_each(|(case, step)| begin(context, case, step));
            if claimed.full { Progress::Worked } else { Progress::Idle(claimed.next_due) }
        }
        Err(error) => {
            let pause = context.settings.saga.backoff.delay(1, &*context.ports.rng);
            let retry_at = context.ports.clock.now() + pause;
            Progress::Failed { why: error.to_string(), retry_at }
        }
    }
}

struct Claimed {
    /// Each with the call whose intent is written.
    cases: Vec<(Case, Step)>,
    /// As many were due as are claimed at once: there may be more, though some needed no call.
    full: bool,
    next_due: Option<Time>,
}

/// Claims a batch. Orders whose next step needs no call are dealt with on the spot.
async fn claim(context: &Context) -> Result<Claimed, Error> {
    transact(&context.ports, "claim_sagas", move |transaction| {
        async move {
            let now = transaction.now();
            let saga = &context.settings.saga;
            let mut cases = Vec::new();
            let Due { orders: mut due, unreadable, next: mut next_due } =
                sagas::due(transaction, now, saga.batch).await?;
            let full = (due.len() + unreadable.len()) as i64 >= saga.batch;
            for id in unreadable {
                set_aside(transaction, &id, "no order id".to_owned()).await?;
            }
            // Whoever changes several orders does so in this order, and none waits for another in a
            // circle.
            due.sort();
            for id in due {
                let before = match orders::load(transaction, &id).await {
                    Ok(Some(case)) => case,
                    Ok(None) => continue,
                    Err(Error::Unreadable(why)) => {
                        set_aside(transaction, id.as_str(), why).await?;
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let mut case = before.clone();
                if !before.saga.lease_owner.is_empty() {
                    let words = format!("takes over from {}", before.saga.lease_owner);
                    transaction.tell(Fact::new("saga", "TAKEN_OVER", &id, words));
                }
                case.saga.epoch += 1;
                let step = go_on(context, transaction, &before, &mut case).await?;
                next_due = [next_due, case.saga.next_attempt()].into_iter().flatten().min();
                if let Some(step) = step {
                    cases.push((case, step));
                }
            }
            Ok(Claimed { cases, full, next_due })
        }
        .scope_boxed()
    })
    .await
}

/// What cannot be read stops nobody else.
async fn set_aside(transaction: &mut Transaction<'_>, id: &str, why: String) -> Result<(), Error> {
    sagas::set_aside(transaction, id).await?;
    let row = Unreadable { key: id.to_owned(), why };
    let again = "Set aside; mended, it goes on once its next_attempt_at is 0";
    Ok(unreadable::tell(transaction, "orders", &row, again).await?)
}

/// Advances `case`. For the call to make, if there is one, the lease is taken or renewed.
pub fn take(context: &Context, now: Time, case: &mut Case) -> (Option<Step>, Vec<Effect>) {
    let conditions = Conditions { now, settings: &context.settings.saga, rng: &*context.ports.rng };
    let (step, effects) = advance(case, &conditions);
    if step.is_some() {
        let until = now + context.settings.saga.lease;
        case.saga.lease_owner = context.ports.node.to_string();
        case.saga.lease_until = until.0;
        case.saga.next_attempt_at = until.0;
    }
    (step, effects)
}

/// Advances `case`, saves it over `before` and carries out the effects. Returns the call to make.
async fn go_on(
    context: &Context,
    transaction: &mut Transaction<'_>,
    before: &Case,
    case: &mut Case,
) -> Result<Option<Step>, Error> {
    let (step, effects) = take(context, transaction.now(), case);
    orders::save(transaction, before, case).await?;
    carry_out(transaction, case, effects).await?;
    Ok(step)
}

/// Makes the calls of a claimed order until it rests, or until the lease is lost. Errors: the result
/// of a call could not be written; the lease's end makes the order due again, and the step is repeated
/// with the same key.
async fn drive(context: Context, case: Case, step: Step) -> Result<(), String> {
    let mut turn = Ok(Some((case, step)));
    while let Ok(Some((case, step))) = turn {
        let answer = gateway::perform(&context, &case, step).await;
        if let Err(error) = &answer {
            story::say(case.order.id.as_str(), &format!("{}: {error}", words(step)));
        }
        turn = record(&context, &case, step, answer).await;
    }
    if !has_room(&context) {
        context.work_notify.notify_one();
    }
    turn.map(drop).map_err(|error| error.to_string())
}

/// Writes the result of `step`, and the next intent.
async fn record(
    context: &Context,
    claimed: &Case,
    step: Step,
    answer: Result<Reply, Error>,
) -> Result<Option<(Case, Step)>, Error> {
    let id: &OrderId = &claimed.order.id;
    let answer = &answer;
    // Mostly nothing has moved while the call was out. If something has, the save is refused, and
    // the second attempt sees it.
    let mut in_hand = Some(claimed);
    transact(&context.ports, "record_answer", move |transaction| {
        let in_hand = in_hand.take();
        async move {
            let before = match in_hand {
                Some(case) => case.clone(),
                None => match orders::load(transaction, id).await? {
                    Some(case) => case,
                    None => return Ok(None),
                },
            };
            if before.saga.epoch != claimed.saga.epoch {
                let words = "is fenced off: another replica has taken over";
                transaction.tell(Fact::new("saga", "FENCED", id, words));
                return Ok(None);
            }
            let mut case = before.clone();
            let now = transaction.now();
            let conditions =
                Conditions { now, settings: &context.settings.saga, rng: &*context.ports.rng };
            let (turn, effects) = answered(&mut case, step, answer.clone(), &conditions);
            carry_out(transaction, &case, effects).await?;
            let goes_on = match turn {
                Turn::Go => true,
                Turn::Wait(delay) => turns::wait(&mut case, now, delay),
            };
            if goes_on && context.background.is_closed() {
                rest(&mut case, now);
            } else if goes_on {
                let step = go_on(context, transaction, &before, &mut case).await?;
                return Ok(step.map(|step| (case, step)));
            }
            orders::save(transaction, &before, &mut case).await?;
            transaction.after_commit(&context.work_notify);
            Ok(None)
        }
        .scope_boxed()
    })
    .await
}

fn words(step: Step) -> &'static str {
    match step {
        Step::Plan => "availability",
        Step::Reserve => "reserve",
        Step::Debit => "debit",
        Step::Commit => "commit",
        Step::Void => "void",
        Step::Release => "release",
        Step::Return => "return",
        Step::Refund => "refund",
        _ => "step",
    }
}
