//! A part of the load from its first order to the last one settled: placing, cancelling, waiting, and
//! looking at what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use stormproof_ports::Answer;
use stormproof_ports::time::Time;
use stormproof_system::store::dto::{OrderView, TimelineEntry};
use stormproof_system::store::order::OrderStatus;

use super::courses::Course;
use super::meter::Meter;
use super::pace::Stage;
use super::placing::{Placed, PlacedAll, cancel_late, place_all};
use super::setting::{Customer, Setting};
use crate::questions::{get, insist, is_in_doubt, refusal};

/// How the load is driven.
pub struct Plan {
    pub cancel_percent: u32,
    /// Requests that place orders, under way at once, at the most.
    pub at_once: usize,
    /// Requests that look, cancel late, or prepare.
    pub looks_at_once: usize,
    /// Until all are answered, and again until all are settled.
    pub patience: Duration,
}

/// What came of it.
#[derive(Default)]
pub struct Shopped {
    pub customers: usize,
    /// From the first order to the last one settled.
    pub took: Duration,
    pub under_way_max: usize,
    /// One for each order that was placed, in order.
    pub orders: Vec<Placed>,
    /// Every order that the Store shows the customers, by id.
    pub shown: BTreeMap<String, OrderView>,
    /// Of each of `orders`.
    pub courses: Vec<Course>,
    /// Whether timelines told some of them, for the Store's database could not be asked.
    pub by_timelines: bool,
}

/// How long one request may take before its outcome is unknown.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// How often the orders are looked at while they settle.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Places all orders of `stage`, cancels some, and waits until all are settled or patience ends; calls
/// `at_rest` then, before it looks at what came of each.
///
/// # Errors
/// If an answer makes no sense, or there is none within patience.
pub async fn shop(
    setting: &Setting,
    plan: &Plan,
    stage: &Stage,
    customers: &[Customer],
    first: u32,
    meter: &dyn Meter,
    at_rest: impl AsyncFnOnce(),
) -> Result<Shopped, String> {
    let clock = &setting.context.ports.clock;
    let start = clock.now();
    let PlacedAll { orders, under_way_max } =
        place_all(setting, plan, stage, customers, first).await?;
    let orders = cancel_late(setting, plan, customers, orders).await?;
    settle(setting, plan, customers).await?;
    let took = clock.now().since(start);
    at_rest().await;
    // All of them once more: an order that nobody placed may have come after its customer was seen.
    let everybody: Vec<&Customer> = customers.iter().collect();
    let views = look_at(setting, plan, &everybody, clock.now() + plan.patience).await?;
    let shown = views.into_iter().flatten().map(|view| (view.order_id.clone(), view)).collect();
    let ids: Vec<String> = orders.iter().map(|order| order.id.clone()).collect();
    let recorded = meter.recorded(&ids).await;
    let by_timelines = recorded.is_none();
    let courses = match recorded {
        Some(courses) => courses,
        None => timelines(setting, plan, customers, &ids).await?,
    };
    Ok(Shopped {
        customers: customers.len(),
        took,
        under_way_max,
        orders,
        shown,
        courses,
        by_timelines,
    })
}

impl Shopped {
    /// Whether every order that the Store shows has settled.
    pub fn is_settled(&self) -> bool {
        self.shown.values().all(is_settled)
    }

    /// Adds a later part of the same load.
    pub fn extend(&mut self, later: Shopped) {
        self.customers += later.customers;
        self.took += later.took;
        self.under_way_max = self.under_way_max.max(later.under_way_max);
        self.orders.extend(later.orders);
        self.shown.extend(later.shown);
        self.courses.extend(later.courses);
        self.by_timelines |= later.by_timelines;
    }
}

/// Looks at the customers' orders until each is settled, or until patience ends: then the report says
/// so. Whose orders have settled is not asked again: looking is work for the shop as well.
async fn settle(setting: &Setting, plan: &Plan, customers: &[Customer]) -> Result<(), String> {
    let clock = &setting.context.ports.clock;
    let deadline = clock.now() + plan.patience;
    let mut waiting: Vec<&Customer> = customers.iter().collect();
    loop {
        let views = look_at(setting, plan, &waiting, deadline).await?;
        let seen = waiting.into_iter().zip(views);
        let seen = seen.filter(|(_, views)| !views.iter().all(is_settled));
        waiting = seen.map(|(customer, _)| customer).collect();
        if waiting.is_empty() || clock.now() > deadline {
            return Ok(());
        }
        clock.sleep(LOOK_EVERY).await;
    }
}

async fn look_at(
    setting: &Setting,
    plan: &Plan,
    customers: &[&Customer],
    deadline: Time,
) -> Result<Vec<Vec<OrderView>>, String> {
    stream::iter(customers)
        .map(|customer| look(setting, customer, "/orders", deadline))
        .buffered(plan.looks_at_once)
        .try_collect()
        .await
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

async fn timelines(
    setting: &Setting,
    plan: &Plan,
    customers: &[Customer],
    ids: &[String],
) -> Result<Vec<Course>, String> {
    stream::iter(ids.iter().zip(customers.iter().cycle()))
        .map(async |(id, customer)| {
            let path = format!("/orders/{id}/timeline");
            let deadline = setting.context.ports.clock.now() + TIMEOUT;
            look::<Vec<TimelineEntry>>(setting, customer, &path, deadline).await
        })
        .buffered(plan.looks_at_once)
        .map_ok(Course::from)
        .try_collect()
        .await
}

async fn look<T: serde::de::DeserializeOwned>(
    setting: &Setting,
    customer: &Customer,
    path: &str,
    deadline: Time,
) -> Result<T, String> {
    let question = get("store", path).with_bearer(&customer.bearer).within(TIMEOUT);
    let ports = &setting.context.ports;
    let (answer, _) = insist(ports, &question, deadline, is_in_doubt).await?;
    read(&answer)
}

pub fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, String> {
    match answer.status.is_success() {
        true => serde_json::from_slice(&answer.body).map_err(|error| format!("store: {error}")),
        false => Err(format!("store: {}", refusal(answer))),
    }
}
