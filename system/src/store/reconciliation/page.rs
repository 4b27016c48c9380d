//! A page of orders, compared: what Warehouse, Bank and DeliveryCo say of them is held against what
//! the Store has, and people are told where `differences.rs` finds a difference.
//!
//! An order is never compared while it moves: it must have had nothing left to do for a while before
//! its views are fetched, and must be unchanged after. Whether the Store knows what the others know is
//! looked up after they have answered: an order that is placed meanwhile is written down before anybody
//! hears of it.

use std::collections::BTreeMap;
use std::time::Duration;

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::{Transaction, transact};
use stormproof_ports::DatabaseError;
use stormproof_ports::time::Time;

use super::differences::{Difference, Told, compare, rests, stranger};
use crate::alert::{self, Trouble};
use crate::context::Context;
use crate::error::Error;
use crate::id::OrderId;
use crate::store::gateway;
use crate::store::mapper::{orders, reconciliations};
use crate::store::saga::Case;
use crate::unreadable::{self, Unreadable};
use crate::views::ViewsRequest;

/// What a page came to.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// How many of the Store's orders were compared.
    pub compared: i64,
    pub differences: Vec<(OrderId, Difference)>,
    /// The last order of the page, if more may follow.
    pub next: Option<OrderId>,
}

/// What the others say of a page.
struct Views {
    told: BTreeMap<OrderId, Told>,
    /// The last order of each service that has told of as many as it may: it knows more.
    ends: Vec<OrderId>,
}

/// The first orders after `after`: those of the Store's that have rested for `quiet` are compared, and
/// those that only others know are differences too. Alerts support about every difference.
pub async fn compared(context: &Context, after: &str, quiet: Duration) -> Result<Page, Error> {
    let page = ViewsRequest { after: after.into(), limit: context.settings.reconcile.batch };
    let (mut cases, last) = resting(context, &page, quiet).await?;
    let Views { mut told, ends } = ask(context, &page).await?;
    // Beyond the first end of a list that goes on, not everything has been told.
    let next = ends.into_iter().chain(last).min();
    let is_within = |id: &OrderId| next.as_ref().is_none_or(|last| id <= last);
    cases.retain(|case| is_within(&case.order.id));
    told.retain(|id, _| is_within(id));
    let mut differences = Vec::new();
    for case in &cases {
        let found = compare(case, &told.remove(&case.order.id).unwrap_or_default());
        if !found.is_empty() && raise(context, case, &found).await? {
            differences.extend(found.into_iter().map(|found| (case.order.id.clone(), found)));
        }
    }
    differences.extend(strangers(context, &told).await?);
    let compared = i64::try_from(cases.len()).expect("a page is short");
    Ok(Page { compared, differences, next })
}

/// The Store's orders of the page that rest; and the last of them, if more may follow.
async fn resting(
    context: &Context,
    page: &ViewsRequest,
    quiet: Duration,
) -> Result<(Vec<Case>, Option<OrderId>), Error> {
    let quiet = i64::try_from(quiet.as_micros()).unwrap_or(i64::MAX);
    transact(&context.ports, "read_resting_orders", move |transaction| {
        async move {
            let since = Time(transaction.now().0.saturating_sub(quiet));
            let ids = reconciliations::resting(transaction, &page.after, since, page.limit).await?;
            let mut cases = Vec::new();
            let mut last = None;
            for key in &ids {
                match readable(transaction, key).await {
                    Ok((id, case)) => {
                        cases.extend(case.filter(rests));
                        last = Some(id);
                    }
                    Err(Error::Unreadable(why)) => {
                        let row = Unreadable { key: key.clone(), why };
                        let again = "It is not compared";
                        unreadable::tell(transaction, "orders", &row, again).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
            let is_full = i64::try_from(ids.len()).is_ok_and(|count| count >= page.limit);
            Ok((cases, last.filter(|_| is_full)))
        }
        .scope_boxed()
    })
    .await
}

/// An order and its id, which was stored so.
async fn readable(
    transaction: &mut Transaction<'_>,
    key: &str,
) -> Result<(OrderId, Option<Case>), Error> {
    let id = OrderId::parse(key).map_err(Error::of_row)?;
    let case = orders::load(transaction, &id).await?;
    Ok((id, case))
}

/// Every service's views of the page.
async fn ask(context: &Context, page: &ViewsRequest) -> Result<Views, Error> {
    let (reservations, payments, deliveries) = gateway::views(context, page).await?;
    let ends = [
        end_of(page, &reservations, |view| &view.order_id),
        end_of(page, &payments, |view| &view.order_id),
        end_of(page, &deliveries, |view| &view.order_id),
    ];
    let mut told: BTreeMap<OrderId, Told> = BTreeMap::new();
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
    Ok(Views { told, ends: ends.into_iter().flatten().collect() })
}

/// The last order of a list that is as long as it may be.
fn end_of<T>(page: &ViewsRequest, list: &[T], id: impl Fn(&T) -> &OrderId) -> Option<OrderId> {
    let is_full = i64::try_from(list.len()).is_ok_and(|count| count >= page.limit);
    list.last().filter(|_| is_full).map(|last| id(last).clone())
}

/// Alerts support, unless the order has moved since it was read: then the views are of another day.
async fn raise(context: &Context, case: &Case, differences: &[Difference]) -> Result<bool, Error> {
    transact(&context.ports, "raise_differences", move |transaction| {
        async move {
            if orders::load(transaction, &case.order.id).await?.as_ref() != Some(case) {
                return Ok(false);
            }
            for difference in differences {
                differs(transaction, &case.order.id, difference).await?;
            }
            Ok(true)
        }
        .scope_boxed()
    })
    .await
}

/// Of the orders that others know, those that the Store does not; alerts support about each.
async fn strangers(
    context: &Context,
    told: &BTreeMap<OrderId, Told>,
) -> Result<Vec<(OrderId, Difference)>, Error> {
    if told.is_empty() {
        return Ok(Vec::new());
    }
    transact(&context.ports, "raise_strangers", move |transaction| {
        async move {
            let ids: Vec<OrderId> = told.keys().cloned().collect();
            let known = reconciliations::known(transaction, &ids).await?;
            let mut found = Vec::new();
            for (id, told) in told.iter().filter(|(id, _)| !known.contains(id)) {
                let difference = stranger(told);
                differs(transaction, id, &difference).await?;
                found.push((id.clone(), difference));
            }
            Ok(found)
        }
        .scope_boxed()
    })
    .await
}

async fn differs(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    Difference { kind, text }: &Difference,
) -> Result<(), DatabaseError> {
    let trouble = Trouble { order, kind, cause: "", text };
    alert::raise(transaction, trouble).await
}
