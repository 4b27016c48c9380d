//! Use cases of the support team: parked refunds, retry, alerts, reconciliation on demand.

use std::time::Duration;

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::transact;

use super::dto::{AlertView, DifferenceView, OrderView, ParkedRefund, Reconcile, Reconciled};
use super::mapper::{orders, support};
use super::notify::carry_out;
use super::orders::{last_of_full, view};
use super::payment::PaymentStatus;
use super::reconciliation::page;
use super::saga::progress::{Effect, wake};
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::OrderId;
use crate::web::Listing;

/// Refunds that wait for people, in the order of their orders: those after `after`.
pub async fn parked(context: &Context, after: &str) -> Result<Listing<ParkedRefund>, Error> {
    let limit = context.settings.lists.rows;
    transact(&context.ports, "list_parked_refunds", move |transaction| {
        async move {
            let mut parked = Vec::new();
            let ids = support::parked(transaction, after, limit).await?;
            let next = last_of_full(limit, ids.len(), ids.last().cloned());
            // One whose id is none is told of by the sweep.
            for id in ids.into_iter().flat_map(OrderId::parse) {
                let case = match orders::load(transaction, &id).await {
                    Ok(Some(case)) => case,
                    // The sweep sets it aside, and tells of it beside this list.
                    Ok(None) | Err(Error::Unreadable(_)) => continue,
                    Err(error) => return Err(error),
                };
                parked.push(ParkedRefund {
                    order_id: id.to_string(),
                    amount: case.order.total,
                    reason: case.payment.parked_reason,
                });
            }
            Ok(Listing { rows: parked, next })
        }
        .scope_boxed()
    })
    .await
}

/// Tries a parked refund now.
pub async fn retry(context: &Context, id: &OrderId) -> Result<OrderView, Error> {
    transact(&context.ports, "retry_refund", move |transaction| {
        async move {
            let before = orders::load(transaction, id).await?;
            let before =
                before.ok_or_else(|| Error::rejected(Kind::NotFound, "there is no such order"))?;
            let mut case = before.clone();
            let from = case.payment.status;
            if from != PaymentStatus::Parked {
                let detail = format!("expected a PARKED refund; this payment is {}", from.as_str());
                return Err(Error::rejected(Kind::Conflict, detail));
            }
            let to = PaymentStatus::RefundDue;
            case.payment.become_status(to);
            if wake(&mut case, transaction.now(), &context.settings.saga) {
                transaction.after_commit(&context.work_notify);
            }
            orders::save(transaction, &before, &mut case).await?;
            let words = "support tries the parked refund again".to_owned();
            carry_out(transaction, &case, vec![Effect::PaymentMoved { from, to, words }]).await?;
            Ok(view(&case))
        }
        .scope_boxed()
    })
    .await
}

/// The newest alerts.
pub async fn alerts(context: &Context) -> Result<Vec<AlertView>, Error> {
    transact(&context.ports, "list_alerts", |transaction| {
        async move {
            let alerts = support::alerts(transaction).await?;
            let view = |alert: support::Alert| AlertView {
                id: alert.id,
                order_id: alert.order_id,
                kind: alert.kind,
                cause: alert.cause,
                text: alert.text,
                raised_at: alert.raised_at,
            };
            Ok(alerts.into_iter().map(view).collect())
        }
        .scope_boxed()
    })
    .await
}

/// Compares a page of orders now, and alerts about the differences as the hourly pass would.
pub async fn reconcile(context: &Context, request: Reconcile) -> Result<Reconciled, Error> {
    let quiet = request.quiet_seconds.map(Duration::from_secs);
    let quiet = quiet.unwrap_or(context.settings.reconcile.quiet);
    let after = request.after.as_deref().unwrap_or_default();
    let page = page::compared(context, after, quiet).await?;
    let view = |(id, difference): (OrderId, super::reconciliation::differences::Difference)| {
        DifferenceView {
            order_id: id.to_string(),
            kind: difference.kind.to_owned(),
            text: difference.text,
        }
    };
    Ok(Reconciled {
        compared: page.compared,
        differences: page.differences.into_iter().map(view).collect(),
        next: page.next.map(String::from),
    })
}
