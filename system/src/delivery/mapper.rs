//! Parcels in SQL.

use sqlx::Row;
use sqlx::any::AnyRow;
use stormproof_messaging::Statements;
use stormproof_ports::time::Time;

use super::parcel::{Parcel, Timeline};
use crate::error::Error;
use crate::id::OrderId;
use crate::messages::{DeliveryRequest, DeliveryStatus};
use crate::unreadable::{Readings, counter, each, known};

/// Writes down a requested parcel; `false` if the order has one.
pub async fn insert(
    sql: Statements<'_>,
    parcel: &Parcel,
    request: &DeliveryRequest,
) -> Result<bool, Error> {
    let content = serde_json::to_string(request).expect("requests have string keys only");
    let done = sqlx::query(
        "INSERT INTO parcels (order_id, status, sequence, changed_at, received_at, next_move_at, \
         customer_id, email, request) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8) \
         ON CONFLICT (order_id) DO NOTHING",
    )
    .bind(parcel.order_id.to_string())
    .bind(parcel.status.as_str())
    .bind(parcel.sequence)
    .bind(parcel.changed_at.0)
    .bind(parcel.next_move_at.unwrap_or(parcel.changed_at).0)
    .bind(request.customer_id.to_string())
    .bind(request.email.clone())
    .bind(content)
    .execute(sql)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down a parcel that is cancelled before it was requested; `false` if the order has one.
pub async fn insert_tombstone(sql: Statements<'_>, parcel: &Parcel) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO parcels (order_id, status, sequence, changed_at, cancelled_at) \
         VALUES ($1, $2, $3, $4, $4) ON CONFLICT (order_id) DO NOTHING",
    )
    .bind(parcel.order_id.to_string())
    .bind(parcel.status.as_str())
    .bind(parcel.sequence)
    .bind(parcel.changed_at.0)
    .execute(sql)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A change's statement; it also notes the time of the milestone that was reached.
macro_rules! change_reaching {
    ($milestone:literal) => {
        concat!(
            "UPDATE parcels SET status = $1, sequence = $2, changed_at = $3, ",
            $milestone,
            " = $3, next_move_at = NULLIF($4, 0), will_be_lost = $5 ",
            "WHERE order_id = $6 AND sequence = $7"
        )
    };
}

/// Turns `before` into `after`; `false` if the parcel is no longer `before`.
pub async fn change(sql: Statements<'_>, before: &Parcel, after: &Parcel) -> Result<bool, Error> {
    let statement = match after.status {
        _ if after.found => change_reaching!("found_at"),
        DeliveryStatus::Received => change_reaching!("received_at"),
        DeliveryStatus::PickedUp => change_reaching!("picked_up_at"),
        DeliveryStatus::InTransit => change_reaching!("in_transit_at"),
        DeliveryStatus::Delivered => change_reaching!("delivered_at"),
        DeliveryStatus::Lost => change_reaching!("lost_at"),
        DeliveryStatus::Cancelled => change_reaching!("cancelled_at"),
    };
    let done = sqlx::query(statement)
        .bind(after.status.as_str())
        .bind(after.sequence)
        .bind(after.changed_at.0)
        .bind(after.next_move_at.map_or(0, |time| time.0))
        .bind(i64::from(after.will_be_lost))
        .bind(after.order_id.to_string())
        .bind(before.sequence)
        .execute(sql)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The order's parcel.
pub async fn find(sql: Statements<'_>, order: &OrderId) -> Result<Option<Parcel>, Error> {
    let row = sqlx::query(
        "SELECT order_id, status, sequence, changed_at, found_at, will_be_lost, next_move_at \
         FROM parcels WHERE order_id = $1",
    )
    .bind(order.to_string())
    .fetch_optional(sql)
    .await?;
    row.as_ref().map(read).transpose()
}

/// What was requested for the order; `None` for a tombstone.
pub async fn request(
    sql: Statements<'_>,
    order: &OrderId,
) -> Result<Option<DeliveryRequest>, Error> {
    let content: Option<Option<String>> =
        sqlx::query_scalar("SELECT request FROM parcels WHERE order_id = $1")
            .bind(order.to_string())
            .fetch_optional(sql)
            .await?;
    let parse = |content: String| {
        let unreadable = |error| Error::Unreadable(format!("the stored request: {error}"));
        serde_json::from_str(&content).map_err(unreadable)
    };
    content.flatten().map(parse).transpose()
}

/// The parcels that move next, earliest first.
pub async fn next(sql: Statements<'_>, limit: i64) -> Result<Readings<Parcel>, Error> {
    let rows = sqlx::query(
        "SELECT order_id, status, sequence, changed_at, found_at, will_be_lost, next_move_at \
         FROM parcels WHERE next_move_at IS NOT NULL ORDER BY next_move_at, order_id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(sql)
    .await?;
    each(&rows, read)
}

/// Sets a parcel aside that cannot be read: the rounds are done with it. All else of it stays as it is.
pub async fn set_aside(sql: Statements<'_>, order: &str) -> Result<(), Error> {
    sqlx::query("UPDATE parcels SET next_move_at = NULL WHERE order_id = $1")
        .bind(order.to_owned())
        .execute(sql)
        .await?;
    Ok(())
}

/// The order's parcel and when it got where.
pub async fn find_with_timeline(
    sql: Statements<'_>,
    order: &OrderId,
) -> Result<Option<(Parcel, Timeline)>, Error> {
    let row = sqlx::query(
        "SELECT order_id, status, sequence, changed_at, found_at, will_be_lost, next_move_at, \
         received_at, picked_up_at, in_transit_at, delivered_at, lost_at, cancelled_at \
         FROM parcels WHERE order_id = $1",
    )
    .bind(order.to_string())
    .fetch_optional(sql)
    .await?;
    row.as_ref().map(read_with_timeline).transpose()
}

/// At most `limit` parcels of orders after `after`, by order.
pub async fn page(
    sql: Statements<'_>,
    after: &str,
    limit: i64,
) -> Result<Readings<(Parcel, Timeline)>, Error> {
    let rows = sqlx::query(
        "SELECT order_id, status, sequence, changed_at, found_at, will_be_lost, next_move_at, \
         received_at, picked_up_at, in_transit_at, delivered_at, lost_at, cancelled_at \
         FROM parcels WHERE order_id > $1 ORDER BY order_id LIMIT $2",
    )
    .bind(after.to_owned())
    .bind(limit)
    .fetch_all(sql)
    .await?;
    each(&rows, read_with_timeline)
}

fn read(row: &AnyRow) -> Result<Parcel, Error> {
    let stored: String = row.try_get(1)?;
    let status = DeliveryStatus::ALL.into_iter().find(|known| known.as_str() == stored);
    Ok(Parcel {
        order_id: OrderId::parse(row.try_get::<String, _>(0)?).map_err(Error::of_row)?,
        status: known(status, "parcel status", &stored)?,
        sequence: counter(row.try_get(2)?, "sequence")?,
        changed_at: Time(row.try_get(3)?),
        found: row.try_get::<Option<i64>, _>(4)?.is_some(),
        will_be_lost: row.try_get::<i64, _>(5)? == 1,
        next_move_at: row.try_get::<Option<i64>, _>(6)?.map(Time),
    })
}

fn read_with_timeline(row: &AnyRow) -> Result<(Parcel, Timeline), Error> {
    let time = |column: usize| Ok::<_, Error>(row.try_get::<Option<i64>, _>(column)?.map(Time));
    let timeline = Timeline {
        found_at: time(4)?,
        received_at: time(7)?,
        picked_up_at: time(8)?,
        in_transit_at: time(9)?,
        delivered_at: time(10)?,
        lost_at: time(11)?,
        cancelled_at: time(12)?,
    };
    Ok((read(row)?, timeline))
}
