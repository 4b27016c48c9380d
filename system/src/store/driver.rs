//! The driver: claims every order that is due, by lease, and takes its steps.
//!
//! Several replicas run it over the same table. A claim raises the order's epoch; every later write
//! of the claim's owner checks it, because an owner that was paused wakes up again. Intent and
//! result of each call are commits of their own, and the result's commit writes the next intent.

use std::pin::pin;
use std::sync::Arc;

use async_lock::Mutex;
use futures::StreamExt;
use futures::future::{BoxFuture, Either, select};
use futures::stream::FuturesUnordered;
use scoped_futures::ScopedFutureExt;
use stormproof_messaging::{Transaction, transact};
use stormproof_ports::notify::Notify;
use stormproof_ports::story::{self, Fact};
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};

use super::saga::answers::{Reply, Turn, answered};
use super::saga::progress::{Conditions, advance, rest};
use super::saga::{Case, Step};
use crate::context::Context;
use crate::error::Error;
use crate::id::OrderId;
use crate::store::gateway;
use crate::store::mapper::{orders, sagas};
use crate::store::notify::carry_out;

/// Orders worked on at once by one replica.
const FLIGHTS_MAX: usize = 64;

/// The worker that drives the sagas.
pub fn worker(context: &Context) -> Worker {
    let sweep = Arc::new(Sweep {
        context: context.clone(),
        state: Mutex::new(DriverState { flights: FuturesUnordered::new(), look_at: None }),
    });
    let notify = Notify::default();
    Worker::new("sweep", notify, move || {
        let sweep = sweep.clone();
        Box::pin(async move { sweep.step().await })
    })
}

struct Sweep {
    context: Context,
    state: Mutex<DriverState>,
}

/// Orders in hand.
type Flights = FuturesUnordered<BoxFuture<'static, ()>>;

struct DriverState {
    flights: Flights,
    /// Nothing is due before; `None`: look now.
    look_at: Option<Time>,
}

impl Sweep {
    /// Claims what is due, then waits until an order in hand is finished with, or more is due.
    async fn step(&self) -> Progress {
        let context = &self.context;
        let mut state = self.state.lock().await;
        let look_now = state.look_at.is_none_or(|at| at <= context.ports.clock.now());
        if look_now && state.flights.len() < FLIGHTS_MAX {
            match in_flight(&mut state.flights, claim(context)).await {
                Ok(claimed) => {
                    let full = claimed.cases.len() as i64 >= context.settings.saga.batch;
                    state.look_at = if full { None } else { Some(claimed.next_due) };
                    for (case, step) in claimed.cases {
                        state.flights.push(Box::pin(drive(context.clone(), case, step)));
                    }
                }
                Err(error) => {
                    failed(&context.ports.node, &error);
                    let pause = context.settings.saga.backoff.delay(1, &*context.ports.rng);
                    state.look_at = Some(context.ports.clock.now() + pause);
                }
            }
        }
        let look_at = state.look_at.unwrap_or_else(|| context.ports.clock.now());
        // The work bell is waited for here, flights or not, so that a ring is never taken for a
        // flight's end.
        let timer = context.ports.clock.sleep(look_at.since(context.ports.clock.now()).min(POLL));
        let ring = pin!(context.work_notify.notified());
        let ring_or_timer = select(ring, timer);
        match state.flights.is_empty() {
            true => {
                ring_or_timer.await;
                state.look_at = None;
            }
            false => {
                let landed = select(state.flights.next(), ring_or_timer).await;
                let landed = matches!(landed, Either::Left(_));
                if !landed {
                    state.look_at = None;
                }
            }
        }
        Progress::Worked
    }
}

/// Does `work` while the orders in hand go on: the one connection that `work` waits for may be
/// theirs, and who is not polled gives nothing back.
async fn in_flight<T>(flights: &mut Flights, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    while !flights.is_empty() {
        if let Either::Left((done, _)) = select(work.as_mut(), flights.next()).await {
            return done;
        }
    }
    work.await
}

/// What another replica left behind is looked for this often.
const POLL: std::time::Duration = std::time::Duration::from_secs(2);

struct Claimed {
    /// Each with the call whose intent is written.
    cases: Vec<(Case, Step)>,
    next_due: Time,
}

/// Claims a batch. Orders whose next step needs no call are dealt with on the spot.
async fn claim(context: &Context) -> Result<Claimed, Error> {
    transact(&context.ports, move |transaction| {
        async move {
            let now = transaction.now();
            let saga = &context.settings.saga;
            let mut cases = Vec::new();
            for id in sagas::due(transaction, now, saga.batch).await? {
                let Some(before) = orders::load(transaction, &id).await? else { continue };
                let mut case = before.clone();
                if !before.saga.lease_owner.is_empty() {
                    let words = format!("takes over from {}", before.saga.lease_owner);
                    transaction.tell(Fact::new("saga", "TAKEN_OVER", &id, words));
                }
                case.saga.epoch += 1;
                if let Some(step) = go_on(context, transaction, &before, &mut case).await? {
                    cases.push((case, step));
                }
            }
            let next_due = sagas::next_due(transaction, now).await?;
            Ok(Claimed { cases, next_due: next_due.unwrap_or(Time(i64::MAX)) })
        }
        .scope_boxed()
    })
    .await
}

/// Advances `case`, saves it over `before` and carries out the effects. Returns the call to make,
/// for which the lease is taken or renewed.
async fn go_on(
    context: &Context,
    transaction: &mut Transaction<'_>,
    before: &Case,
    case: &mut Case,
) -> Result<Option<Step>, Error> {
    let now = transaction.now();
    let conditions = Conditions { now, settings: &context.settings.saga, rng: &*context.ports.rng };
    let (step, effects) = advance(case, &conditions);
    if step.is_some() {
        let until = now + context.settings.saga.lease;
        case.saga.lease_owner = context.ports.node.to_string();
        case.saga.lease_until = until.0;
        case.saga.next_attempt_at = until.0;
    }
    orders::save(transaction, before, case).await?;
    carry_out(transaction, case, effects).await?;
    Ok(step)
}

/// Makes the calls of a claimed order until it rests, or until the lease is lost.
async fn drive(context: Context, case: Case, step: Step) {
    let mut turn = Some((case, step));
    while let Some((case, step)) = turn.take() {
        let answer = gateway::perform(&context, &case, step).await;
        if let Err(error) = &answer {
            story::say(case.order.id.as_str(), &format!("{}: {error}", words(step)));
        }
        // If the result cannot be written, the lease's end makes the order due again, and the step
        // is repeated with the same key.
        turn = record(&context, &case, step, answer).await.unwrap_or_else(|error| {
            failed(&context.ports.node, &error);
            None
        });
    }
}

/// Said here and not by the loop, for the step waits for its flights itself.
fn failed(node: &str, error: &Error) {
    let error = error.to_string();
    tracing::warn!(target: "worker", node, worker = "sweep", error, "failed");
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
    transact(&context.ports, move |transaction| {
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
            match turn {
                Turn::Go => {
                    let step = go_on(context, transaction, &before, &mut case).await?;
                    Ok(step.map(|step| (case, step)))
                }
                Turn::Wait(delay) => {
                    rest(&mut case, now + delay);
                    orders::save(transaction, &before, &mut case).await?;
                    transaction.after_commit(&context.work_notify);
                    Ok(None)
                }
            }
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

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use futures::future::poll_fn;
    use futures::task::noop_waker_ref;

    use super::*;

    /// An order in hand has the database's only connection when a claim wants it: seen on SQLite,
    /// where both stood still until the pool gave up.
    #[test]
    fn a_claim_lets_go_on_whoever_has_the_connection() {
        let connection = Arc::new(Mutex::new(()));
        let mut flights = Flights::new();
        let held = connection.clone();
        flights.push(Box::pin(async move {
            let _held = held.lock().await;
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                context.waker().wake_by_ref();
                if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
        }));
        let mut context = Context::from_waker(noop_waker_ref());
        assert!(flights.poll_next_unpin(&mut context).is_pending(), "it has the connection");
        let claim = async { drop(connection.lock().await) };
        let mut claimed = pin!(in_flight(&mut flights, claim));
        let ready = (0..10).any(|_| claimed.as_mut().poll(&mut context).is_ready());
        assert!(ready, "they wait for each other");
    }
}
