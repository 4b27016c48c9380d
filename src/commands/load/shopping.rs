//! The load itself: placing, cancelling, and waiting until everything is settled.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use serde_json::json;
use stormproof_ports::Answer;
use stormproof_system::error::{Kind, Problem};
use stormproof_system::question::is_definitive;
use stormproof_system::store::dto::{OrderView, PlaceOrder, TimelineEntry, WantedLine};
use stormproof_system::store::order::OrderStatus;
use tokio::time::{Instant, sleep, sleep_until};

use super::setting::Setting;
use crate::admin_client::{Outcome, get, insist, post, refusal};

/// How the load is driven.
pub struct Plan {
    pub orders: u32,
    /// A second; `None`: as fast as possible.
    pub rate: Option<u32>,
    pub cancel_percent: u32,
    pub at_once: usize,
    /// Until all are answered, and again until all are settled.
    pub patience: Duration,
}

/// What came of it.
pub struct Shopped {
    pub customers: usize,
    /// From the first order to the last one settled.
    pub took: Duration,
    pub asked_again: u64,
    pub cancels_asked: u64,
    pub cancels_accepted: u64,
    /// One for each order that was placed, in order.
    pub orders: Vec<Placed>,
    /// Every order that the Store shows the customers, by id.
    pub shown: BTreeMap<String, OrderView>,
    /// From an order's beginning to its last status, by the Store's clocks.
    pub settled_in: Vec<Duration>,
}

/// An order, as its customer was answered.
pub struct Placed {
    /// Named by the answer: an order that failed at once has one too.
    pub id: String,
    /// Promised by 202.
    pub promised: bool,
    /// From when it was to be placed: who waits for a place in the queue waits for the shop.
    pub answered_in: Duration,
    asked_again: u32,
    cancel: Option<bool>,
}

/// How long one request may take before its outcome is unknown.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often the orders are looked at while they settle.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Places all orders, cancels some, and waits until all are settled or patience ends.
///
/// # Errors
/// If an answer makes no sense, or there is none within patience.
pub async fn shop(setting: &Setting, plan: &Plan) -> Result<Shopped, String> {
    let start = Instant::now();
    let orders: Vec<Placed> = stream::iter(0..plan.orders)
        .map(|number| async move {
            let due = match plan.rate {
                Some(rate) => start + Duration::from_secs(1) * number / rate,
                None => Instant::now(),
            };
            sleep_until(due).await;
            place(setting, plan, number, due).await
        })
        .buffered(plan.at_once)
        .try_collect()
        .await?;
    let orders = cancel_late(setting, plan, orders).await?;
    let shown = settle(setting, plan).await?;
    let took = start.elapsed();
    let settled_in = stream::iter(&orders)
        .enumerate()
        .map(|(number, order)| timeline(setting, number, &order.id))
        .buffered(plan.at_once)
        .try_collect()
        .await?;
    let count = |of: fn(&Placed) -> u64| orders.iter().map(of).sum();
    Ok(Shopped {
        customers: setting.customers.len(),
        took,
        asked_again: count(|order| order.asked_again.into()),
        cancels_asked: count(|order| order.cancel.is_some().into()),
        cancels_accepted: count(|order| (order.cancel == Some(true)).into()),
        orders,
        shown,
        settled_in,
    })
}

async fn place(
    setting: &Setting,
    plan: &Plan,
    number: u32,
    due: Instant,
) -> Result<Placed, String> {
    let place = usize::try_from(number).expect("32 bits are a size");
    let bearer = bearer_of(setting, place);
    let sku = setting.skus[place % setting.skus.len()].clone();
    let body = PlaceOrder { lines: vec![WantedLine { sku, quantity: 1 }] };
    let key = format!("load-{}-{number}", setting.run);
    let question =
        post("store", "/orders", &body).with_bearer(bearer).with_key(key).within(TIMEOUT);
    let deadline = due + plan.patience;
    let (answer, asked_again) = insist(&setting.ports, &question, deadline, is_in_doubt).await?;
    let answered_in = due.elapsed();
    let (id, promised) = match answer.status {
        StatusCode::ACCEPTED => {
            let view: OrderView = read(&answer)?;
            (view.order_id, true)
        }
        _ => (failed_at_once(&answer)?, false),
    };
    let mut order = Placed { id, promised, answered_in, asked_again, cancel: None };
    if promised && plan.cancels(number) == Some(Cancel::AtOnce) {
        order.cancel = Some(cancel(setting, plan, bearer, &order.id).await?);
    }
    Ok(order)
}

/// When an order is cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    /// Most are not paid then: there is nothing to pay back.
    AtOnce,
    /// When all are placed: most are paid by then, unless it is too late.
    Late,
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
async fn cancel_late(
    setting: &Setting,
    plan: &Plan,
    orders: Vec<Placed>,
) -> Result<Vec<Placed>, String> {
    stream::iter((0..plan.orders).zip(orders))
        .map(|(number, mut order)| async move {
            if order.promised && plan.cancels(number) == Some(Cancel::Late) {
                let place = usize::try_from(number).expect("32 bits are a size");
                let bearer = bearer_of(setting, place);
                order.cancel = Some(cancel(setting, plan, bearer, &order.id).await?);
            }
            Ok(order)
        })
        .buffered(plan.at_once)
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
    let deadline = Instant::now() + plan.patience;
    let (answer, _) = insist(&setting.ports, &question, deadline, is_in_doubt).await?;
    match answer.status {
        StatusCode::ACCEPTED => Ok(true),
        StatusCode::CONFLICT => Ok(false),
        _ => Err(format!("store: cancel: {}", refusal(&answer))),
    }
}

/// Looks at all orders until each is settled, or until patience ends: then the report says so.
async fn settle(setting: &Setting, plan: &Plan) -> Result<BTreeMap<String, OrderView>, String> {
    let deadline = Instant::now() + plan.patience;
    loop {
        let views: Vec<Vec<OrderView>> = stream::iter(0..setting.customers.len())
            .map(|customer| async move { look(setting, customer, "/orders", deadline).await })
            .buffered(plan.at_once)
            .try_collect()
            .await?;
        let views = views.into_iter().flatten();
        let shown: BTreeMap<_, _> = views.map(|view| (view.order_id.clone(), view)).collect();
        if shown.values().all(is_settled) || Instant::now() > deadline {
            return Ok(shown);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Whether nothing is left to do but for people (`protocol.md` §2).
pub fn is_settled(view: &OrderView) -> bool {
    let terminal = OrderStatus::parse(&view.status).is_some_and(OrderStatus::is_terminal);
    match (&*view.status, &*view.payment) {
        (_, "PARKED") => true,
        (_, "REFUND_DUE" | "DEBIT_INTENT") | ("LOST", "DEBITED") => false,
        _ => terminal,
    }
}

async fn timeline(setting: &Setting, number: usize, id: &str) -> Result<Duration, String> {
    let deadline = Instant::now() + TIMEOUT;
    let path = format!("/orders/{id}/timeline");
    let customer = number % setting.customers.len();
    let entries: Vec<TimelineEntry> = look(setting, customer, &path, deadline).await?;
    let times = || entries.iter().map(|entry| entry.at);
    let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
    Ok(Duration::from_micros(u64::try_from(span).unwrap_or(0)))
}

async fn look<T: serde::de::DeserializeOwned>(
    setting: &Setting,
    customer: usize,
    path: &str,
    deadline: Instant,
) -> Result<T, String> {
    let question = get("store", path).with_bearer(bearer_of(setting, customer)).within(TIMEOUT);
    let (answer, _) = insist(&setting.ports, &question, deadline, is_in_doubt).await?;
    read(&answer)
}

/// Whether the same question with the same key may still get an answer that is one.
fn is_in_doubt(outcome: &Outcome) -> bool {
    !outcome.as_ref().is_ok_and(is_definitive)
}

fn bearer_of(setting: &Setting, number: usize) -> &str {
    &setting.customers[number % setting.customers.len()].bearer
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, String> {
    match answer.status.is_success() {
        true => serde_json::from_slice(&answer.body).map_err(|error| format!("store: {error}")),
        false => Err(format!("store: {}", refusal(answer))),
    }
}
