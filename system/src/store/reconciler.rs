//! The reconciler: every hour, asks Warehouse, Bank and DeliveryCo for their views of every order
//! that rests, and tells people where `reconcile.rs` finds a difference.
//!
//! The timer is a row in the database, and so is the lease: who works on a pass has set the timer
//! to the lease's end, so that no other replica finds it due. A pass goes through the orders page by
//! page; a page whose services do not answer is asked for again later. An order is never compared
//! while it moves: it must have had nothing left to do for a while before its views are fetched, and
//! must be unchanged after. `housekeeping.rs` takes the steps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use scoped_futures::ScopedFutureExt;

use super::gateway;
use super::mapper::reconciliations::Pass;
use super::mapper::{orders, reconciliations};
use super::reconcile::{Difference, Told, compare, rests};
use super::saga::Case;
use crate::error::Error;
use crate::id::{self, OrderId};
use crate::ports::Ports;
use crate::story::Fact;
use crate::time::Time;
use crate::transaction::{Transaction, transact};
use crate::{alert, views};

/// A page of orders, compared.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// How many orders were compared.
    pub compared: i64,
    pub differences: Vec<(OrderId, Difference)>,
    /// The last order of the page, if more may follow.
    pub next: Option<OrderId>,
}

/// When this replica looks at the timer next. It first does when the youngest order that it can have
/// had a hand in may have come to rest.
pub struct Reconciler {
    ports: Ports,
    /// Microseconds since the epoch.
    look_at: AtomicI64,
}

impl Reconciler {
    pub fn new(ports: &Ports) -> Reconciler {
        let first = ports.clock.now() + ports.settings.reconcile.quiet;
        Reconciler { ports: ports.clone(), look_at: AtomicI64::new(first.0) }
    }

    /// Reconciles a page of orders if it is time. Returns when it is time again.
    pub async fn step(&self) -> Time {
        let now = self.ports.clock.now();
        let due = Time(self.look_at.load(Ordering::Relaxed));
        if now < due {
            return due;
        }
        let again = now + self.ports.settings.reconcile.again;
        let next = step(&self.ports).await.unwrap_or(again);
        self.look_at.store(next.0, Ordering::Relaxed);
        next
    }
}

/// Reconciles a page if it is time. Returns when to look again.
async fn step(ports: &Ports) -> Result<Time, Error> {
    let settings = &ports.settings.reconcile;
    let mut pass = match transact(ports, |transaction| claim(transaction).scope_boxed()).await? {
        Claim::NotDue(at) => return Ok(at),
        Claim::Mine(pass) => pass,
    };
    let now = ports.clock.now();
    match page(ports, &pass.after_order, settings.quiet).await {
        Ok(page) => {
            pass.compared += page.compared;
            pass.found += i64::try_from(page.differences.len()).expect("a page is short");
            (pass.after_order, pass.next_at) = match page.next {
                Some(last) => (last.to_string(), now),
                None => (String::new(), pass.begun_at + settings.every),
            };
        }
        Err(_) => pass.next_at = now + settings.again,
    }
    let pass = &pass;
    transact(ports, move |transaction| end(transaction, pass).scope_boxed()).await?;
    Ok(pass.next_at)
}

enum Claim {
    NotDue(Time),
    Mine(Pass),
}

async fn claim(transaction: &mut Transaction<'_>) -> Result<Claim, Error> {
    let now = transaction.now();
    let settings = &transaction.ports().settings;
    let every = settings.reconcile.every;
    let Some(mut pass) = reconciliations::load(transaction).await? else {
        let first = now + every;
        reconciliations::begin(transaction, first).await?;
        return Ok(Claim::NotDue(first));
    };
    if now < pass.next_at {
        return Ok(Claim::NotDue(pass.next_at));
    }
    if pass.after_order.is_empty() {
        let oldest = settings.reconcile.back;
        pass = Pass {
            begun_at: now,
            after_order: id::earliest(Time(now.0 - micros(oldest))),
            compared: 0,
            found: 0,
            ..pass
        };
    }
    let before = pass.epoch;
    pass.epoch += 1;
    pass.next_at = now + settings.saga.lease;
    reconciliations::save(transaction, before, &pass).await?;
    Ok(Claim::Mine(pass))
}

/// Sets the timer, unless another replica has taken over.
async fn end(transaction: &mut Transaction<'_>, pass: &Pass) -> Result<(), Error> {
    let stored = reconciliations::load(transaction).await?;
    if stored.is_none_or(|stored| stored.epoch != pass.epoch) {
        return Ok(());
    }
    if pass.after_order.is_empty() {
        transaction.tell(Fact::new("reconciliation", "DONE", "", words(pass)));
    }
    reconciliations::save(transaction, pass.epoch, pass).await
}

fn words(pass: &Pass) -> String {
    let Pass { compared, found, .. } = pass;
    let orders = if *compared == 1 { "order" } else { "orders" };
    match found {
        0 => format!("reconciles {compared} {orders}: all services agree"),
        _ => format!("reconciles {compared} {orders}: differences: {found}"),
    }
}

/// Compares the orders after `after` that have rested for `quiet`, as many as fit one page, and
/// alerts support about every difference.
pub async fn page(ports: &Ports, after: &str, quiet: Duration) -> Result<Page, Error> {
    let cases = transact(ports, move |transaction| {
        async move {
            let since = Time(transaction.now().0.saturating_sub(micros(quiet)));
            let batch = transaction.ports().settings.reconcile.batch;
            let ids = reconciliations::resting(transaction, after, since, batch).await?;
            let mut cases = Vec::new();
            for id in &ids {
                cases.extend(orders::load(transaction, id).await?.filter(rests));
            }
            Ok((cases, ids.last().filter(|_| ids.len() as i64 == batch).cloned()))
        }
        .scope_boxed()
    });
    let (cases, next) = cases.await?;
    if cases.is_empty() {
        return Ok(Page { next, ..Page::default() });
    }
    let told = &ask(ports, &cases).await?;
    let differing: Vec<(&Case, Vec<Difference>)> = cases
        .iter()
        .map(|case| (case, told.get(&case.order.id).cloned().unwrap_or_default()))
        .map(|(case, told)| (case, compare(case, &told)))
        .filter(|(_, differences)| !differences.is_empty())
        .collect();
    let mut differences = Vec::new();
    for (case, found) in &differing {
        if raise(ports, case, found).await? {
            let id = &case.order.id;
            differences.extend(found.iter().map(|found| (id.clone(), found.clone())));
        }
    }
    let compared = i64::try_from(cases.len()).expect("a page is short");
    Ok(Page { compared, differences, next })
}

/// Every service's view of `cases`.
async fn ask(ports: &Ports, cases: &[Case]) -> Result<BTreeMap<OrderId, Told>, Error> {
    let ids: Vec<OrderId> = cases.iter().map(|case| case.order.id.clone()).collect();
    let mut told: BTreeMap<OrderId, Told> = BTreeMap::new();
    for ids in ids.chunks(views::ORDERS_MAX) {
        let (reservations, payments, deliveries) = gateway::views(ports, ids).await?;
        for view in reservations {
            let told = told.entry(view.order_id.clone()).or_default();
            told.reservation = Some(view);
        }
        for view in payments {
            let told = told.entry(view.order_id.clone()).or_default();
            told.payment = Some(view);
        }
        for view in deliveries {
            let told = told.entry(view.order_id.clone()).or_default();
            told.delivery = Some(view);
        }
    }
    Ok(told)
}

/// Alerts support, unless the order has moved since it was read: then the views are of another day.
async fn raise(ports: &Ports, case: &Case, differences: &[Difference]) -> Result<bool, Error> {
    transact(ports, move |transaction| {
        async move {
            if orders::load(transaction, &case.order.id).await?.as_ref() != Some(case) {
                return Ok(false);
            }
            for Difference { kind, text } in differences {
                alert::raise(transaction, &case.order.id, kind, text).await?;
            }
            Ok(true)
        }
        .scope_boxed()
    })
    .await
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
