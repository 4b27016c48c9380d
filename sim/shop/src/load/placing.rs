//! Placing the orders of a part of the load, each when it is due, and cancelling some.
//!
//! An order is due whatever is still under way, up to a bound that is there for the machine's sake:
//! beyond it an order begins late, which counts as waiting, and the report says so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use serde_json::json;
use stormproof_ports::Answer;
use stormproof_ports::time::Time;
use stormproof_system::error::{Kind, Problem};
use stormproof_system::store::dto::{OrderView, PlaceOrder, WantedLine};

use super::pace::Stage;
use super::setting::{Customer, Setting};
use super::shopping::{Plan, TIMEOUT, read};
use crate::questions::{insist, is_in_doubt, post, refusal};

/// An order, as its customer was answered.
pub struct Placed {
    /// Counted through the whole load.
    pub number: u32,
    /// Named by the answer: an order that failed at once has one too.
    pub id: String,
    /// Promised by 202.
    pub promised: bool,
    /// When it was to be placed, in microseconds since the epoch, by the clock of who orders.
    pub due_at: i64,
    /// How much later it was begun.
    pub begun_late: Duration,
    /// From when it was to be placed: who waits for a place in the queue waits for the shop.
    pub answered_in: Duration,
    pub asked_again: u32,
    pub cancel: Option<bool>,
}

/// The orders of one part, in their order.
pub struct PlacedAll {
    pub orders: Vec<Placed>,
    /// Requests under way at once, at the most.
    pub under_way_max: usize,
}

/// When an order is cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    /// Most are not paid then: there is nothing to pay back.
    AtOnce,
    /// When all are placed: most are paid by then, unless it is too late.
    Late,
}

/// Places the orders of `stage`, the first of which has this number in the load.
///
/// # Errors
/// If an answer makes no sense, or there is none within patience.
pub async fn place_all(
    setting: &Setting,
    plan: &Plan,
    stage: &Stage,
    customers: &[Customer],
    first: u32,
) -> Result<PlacedAll, String> {
    let clock = &setting.context.ports.clock;
    let start = clock.now();
    let moments = stage.due.as_ref().map(|due| &due.moments);
    let under_way = AtomicUsize::new(0);
    let under_way_max = AtomicUsize::new(0);
    let mut orders: Vec<Placed> = stream::iter(0..stage.orders)
        .then(async |number| {
            let Some(moments) = moments else { return (number, clock.now()) };
            let due = start + moments[index(number)];
            if due > clock.now() {
                clock.sleep(due.since(clock.now())).await;
            }
            (number, due)
        })
        .map(|(number, due)| {
            let (under_way, under_way_max) = (&under_way, &under_way_max);
            async move {
                let now = under_way.fetch_add(1, Ordering::Relaxed) + 1;
                under_way_max.fetch_max(now, Ordering::Relaxed);
                let customer = &customers[index(number) % customers.len()];
                let placed = place(setting, plan, customer, first + number, due).await;
                under_way.fetch_sub(1, Ordering::Relaxed);
                placed
            }
        })
        // In whatever order they are answered: one that is slow holds back nobody.
        .buffer_unordered(plan.at_once)
        .try_collect()
        .await?;
    orders.sort_by_key(|order| order.number);
    Ok(PlacedAll { orders, under_way_max: under_way_max.into_inner() })
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("32 bits are a size")
}

async fn place(
    setting: &Setting,
    plan: &Plan,
    customer: &Customer,
    number: u32,
    due: Time,
) -> Result<Placed, String> {
    let clock = &setting.context.ports.clock;
    let begun_late = clock.now().since(due);
    let line = |place: usize| WantedLine { sku: setting.skus[place].clone(), quantity: 1 };
    let body = PlaceOrder { lines: setting.goods.ordered(number).map(line).collect() };
    let key = format!("load-{}-{number}", setting.run);
    let bearer = &customer.bearer;
    let question =
        post("store", "/orders", &body).with_bearer(bearer).with_key(key).within(TIMEOUT);
    let deadline = due + plan.patience;
    let ports = &setting.context.ports;
    let (answer, asked_again) = insist(ports, &question, deadline, is_in_doubt).await?;
    let answered_in = clock.now().since(due);
    let (id, promised) = match answer.status {
        StatusCode::ACCEPTED => {
            let view: OrderView = read(&answer)?;
            (view.order_id, true)
        }
        _ => (failed_at_once(&answer)?, false),
    };
    let cancel = match promised && plan.cancels(number) == Some(Cancel::AtOnce) {
        true => Some(cancel(setting, plan, bearer, &id).await?),
        false => None,
    };
    Ok(Placed { number, id, promised, due_at: due.0, begun_late, answered_in, asked_again, cancel })
}

impl Plan {
    /// Spread over the orders as evenly as they divide; every other one is late.
    fn cancels(&self, number: u32) -> Option<Cancel> {
        let share = |number: u32| u64::from(number) * u64::from(self.cancel_percent) / 100;
        let (before, after) = (share(number), share(number + 1));
        let when = if before % 2 == 0 { Cancel::AtOnce } else { Cancel::Late };
        (after > before).then_some(when)
    }
}

/// Cancels those that are to be cancelled late.
///
/// # Errors
/// As [`place_all`].
pub async fn cancel_late(
    setting: &Setting,
    plan: &Plan,
    customers: &[Customer],
    orders: Vec<Placed>,
) -> Result<Vec<Placed>, String> {
    stream::iter(orders.into_iter().enumerate())
        .map(|(place, mut order)| async move {
            if order.promised && plan.cancels(order.number) == Some(Cancel::Late) {
                let bearer = &customers[place % customers.len()].bearer;
                order.cancel = Some(cancel(setting, plan, bearer, &order.id).await?);
            }
            Ok(order)
        })
        .buffered(plan.looks_at_once)
        .try_collect()
        .await
}

/// The order that was recorded as failed for want of stock; other refusals are mistakes of ours.
fn failed_at_once(answer: &Answer) -> Result<String, String> {
    let problem = Problem::parse(&answer.body).filter(|it| it.kind == Kind::NotEnoughStock);
    let order = problem.as_ref().and_then(|problem| problem.more.get("order_id")?.as_str());
    order.map(str::to_owned).ok_or_else(|| format!("store: /orders: {}", refusal(answer)))
}

/// Whether the cancellation was accepted; the carrier may have been faster.
async fn cancel(setting: &Setting, plan: &Plan, bearer: &str, id: &str) -> Result<bool, String> {
    let path = format!("/orders/{id}/cancel");
    let question = post("store", path, &json!({})).with_bearer(bearer).within(TIMEOUT);
    let ports = &setting.context.ports;
    let deadline = ports.clock.now() + plan.patience;
    let (answer, _) = insist(ports, &question, deadline, is_in_doubt).await?;
    match answer.status {
        StatusCode::ACCEPTED => Ok(true),
        StatusCode::CONFLICT => Ok(false),
        _ => Err(format!("store: cancel: {}", refusal(&answer))),
    }
}
