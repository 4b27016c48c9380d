//! DeliveryCo's use cases: accept a request, cancel, take in a driver's report, answer questions.
//!
//! The carrier alone decides a race of cancel and pick-up, by compare-and-set on the parcel's
//! sequence (`protocol.md` §5.1). Whatever was asked, the Store is told how things stand.

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::{Transaction, outbox, transact};
use stormproof_ports::story::Fact;

use super::mapper;
use super::parcel::{Event, Parcel, Timeline};
use crate::context::Context;
use crate::error::{Error, Kind, Problem};
use crate::id::OrderId;
use crate::messages::{DeliveryRequest, DeliveryStatus};
use crate::unreadable;

/// Accepts a request. A repeat is told the current status again; other content for a known order
/// is refused for good.
pub async fn request(
    context: &Context,
    transaction: &mut Transaction<'_>,
    request: &DeliveryRequest,
) -> Result<(), Error> {
    // 1. The parcel; 2. the audit row; 3. the update to the Store.
    let now = transaction.now();
    let order = request.order_id.clone();
    let mut parcel =
        Parcel::begin(order, Event::Request, now).expect("an absent parcel is accepted");
    parcel.next_move_at = Some(now + context.settings.carrier.pick_up_after);
    if !mapper::insert(transaction.sql(), &parcel, request).await? {
        return request_again(transaction, request).await;
    }
    transaction.moved("ABSENT", moved(&parcel));
    transaction.after_commit(&context.work_notify);
    outbox::send(transaction, &parcel.update());
    Ok(())
}

async fn request_again(
    transaction: &mut Transaction<'_>,
    request: &DeliveryRequest,
) -> Result<(), Error> {
    let order = &request.order_id;
    let (state, words) = match mapper::request(transaction.sql(), order).await? {
        Some(first) if first != *request => {
            let detail = "the order's delivery was requested before with other content";
            return Err(Error::rejected(Kind::KeyReused, detail));
        }
        Some(_) => ("REPEATED", "tells the status of the parcel again"),
        None => ("TOMBSTONE_HIT", "refuses the delivery: the cancel came first"),
    };
    let parcel = existing(transaction, order).await?;
    transaction.tell(Fact::new("parcel", state, order, words));
    outbox::send(transaction, &parcel.update());
    Ok(())
}

/// Cancels the delivery if the parcel is not picked up yet.
pub async fn cancel(transaction: &mut Transaction<'_>, order: &OrderId) -> Result<(), Error> {
    let now = transaction.now();
    let Some(parcel) = mapper::find(transaction.sql(), order).await? else {
        return plant_tombstone(transaction, order).await;
    };
    if let Some(cancelled) = parcel.after(Event::Cancel, now) {
        return change(transaction, &parcel, &cancelled).await;
    }
    let (state, words) = match parcel.status {
        DeliveryStatus::Cancelled => ("REPEATED", "has cancelled the delivery already"),
        _ => ("CANCEL_REFUSED", "refuses the cancel: already picked up"),
    };
    transaction.tell(Fact::new("parcel", state, order, words));
    outbox::send(transaction, &parcel.update());
    Ok(())
}

/// The request is still on its way: the tombstone will refuse it (`protocol.md` §5.2).
async fn plant_tombstone(transaction: &mut Transaction<'_>, order: &OrderId) -> Result<(), Error> {
    let now = transaction.now();
    let tombstone =
        Parcel::begin(order.clone(), Event::Cancel, now).expect("an absent parcel is cancelled");
    if !mapper::insert_tombstone(transaction.sql(), &tombstone).await? {
        return Err(Error::Serialization);
    }
    let words = "cancels before the request came";
    let fact = Fact::new("parcel", tombstone.status.as_str(), order, words);
    transaction.moved("ABSENT", fact);
    transaction.tell(Fact::new("parcel", "TOMBSTONE", order, ""));
    outbox::send(transaction, &tombstone.update());
    Ok(())
}

/// A driver reports that the parcel is lost.
pub async fn report_lost(context: &Context, order: &OrderId) -> Result<Parcel, Error> {
    let rule = "it can only be lost between pick-up and delivery";
    report(context, order, "report_lost", rule, |parcel, now| parcel.after(Event::Lose, now)).await
}

/// A driver reports that a lost parcel turned up.
pub async fn report_found(context: &Context, order: &OrderId) -> Result<Parcel, Error> {
    report(context, order, "report_found", "only a missing parcel can be found", Parcel::find).await
}

async fn report(
    context: &Context,
    order: &OrderId,
    name: &'static str,
    rule: &'static str,
    event: fn(&Parcel, stormproof_ports::time::Time) -> Option<Parcel>,
) -> Result<Parcel, Error> {
    transact(&context.ports, name, move |transaction| {
        async move {
            let now = transaction.now();
            let parcel = existing(transaction, order).await?;
            let Some(after) = event(&parcel, now) else {
                let status = parcel.status.as_str();
                let detail = format!("the parcel is {status}: {rule}");
                let problem = Problem::new(Kind::Conflict, detail);
                return Err(problem.with("delivery_status", status.into()).into());
            };
            change(transaction, &parcel, &after).await?;
            Ok(after)
        }
        .scope_boxed()
    })
    .await
}

/// The order's delivery.
pub async fn find(context: &Context, order: &OrderId) -> Result<(Parcel, Timeline), Error> {
    transact(&context.ports, "find_parcel", move |transaction| {
        async move {
            let found = mapper::find_with_timeline(transaction.sql(), order).await?;
            found.ok_or_else(unknown)
        }
        .scope_boxed()
    })
    .await
}

/// At most `limit` deliveries of orders after `after`, by order.
pub async fn page(
    context: &Context,
    after: &str,
    limit: i64,
) -> Result<Vec<(Parcel, Timeline)>, Error> {
    transact(&context.ports, "list_parcels", move |transaction| {
        async move {
            let mut found = Vec::new();
            let mut after = after.to_owned();
            // As many as are asked for, without those that cannot be read: who asks takes a shorter list for
            // the last one.
            loop {
                let left = limit - i64::try_from(found.len()).expect("a page is short");
                let rows = mapper::page(transaction.sql(), &after, left).await?;
                for row in &rows.unreadable {
                    unreadable::tell(transaction, "parcels", row, "It is missing in a list")
                        .await?;
                }
                found.extend(rows.read);
                match rows.last {
                    Some(last) if !rows.unreadable.is_empty() => after = last,
                    _ => return Ok(found),
                }
            }
        }
        .scope_boxed()
    })
    .await
}

/// Turns `before` into `after`, leaves the trail and tells the Store. Someone else's change in
/// between runs the transaction again, and it decides anew.
async fn change(
    transaction: &mut Transaction<'_>,
    before: &Parcel,
    after: &Parcel,
) -> Result<(), Error> {
    match try_change(transaction, before, after).await? {
        true => Ok(()),
        false => Err(Error::Serialization),
    }
}

/// Turns `before` into `after`, leaves the trail and tells the Store; `false`, and nothing is done, if
/// someone else has changed the parcel in between.
pub async fn try_change(
    transaction: &mut Transaction<'_>,
    before: &Parcel,
    after: &Parcel,
) -> Result<bool, Error> {
    if !mapper::change(transaction.sql(), before, after).await? {
        return Ok(false);
    }
    if after.found {
        transaction.tell(Fact::new("parcel", "FOUND", &after.order_id, "finds the parcel"));
    } else {
        transaction.moved(before.status.as_str(), moved(after));
    }
    outbox::send(transaction, &after.update());
    Ok(true)
}

fn moved(parcel: &Parcel) -> Fact {
    let words = match parcel.status {
        DeliveryStatus::Received => "accepts the parcel",
        DeliveryStatus::PickedUp => "picks up",
        DeliveryStatus::InTransit => "departs",
        DeliveryStatus::Delivered => "delivers",
        DeliveryStatus::Lost => "loses the parcel",
        DeliveryStatus::Cancelled => "cancels the delivery",
    };
    Fact::new("parcel", parcel.status.as_str(), &parcel.order_id, words)
}

async fn existing(transaction: &mut Transaction<'_>, order: &OrderId) -> Result<Parcel, Error> {
    mapper::find(transaction.sql(), order).await?.ok_or_else(unknown)
}

fn unknown() -> Error {
    Error::rejected(Kind::NotFound, "there is no delivery for this order")
}
