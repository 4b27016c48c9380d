//! The reconciler's row: its timer, its lease, and how far its pass has come.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Row};
use stormproof_messaging::Transaction;
use stormproof_ports::time::Time;

use super::guarded;
use crate::error::Error;
use crate::id::OrderId;

/// A pass over the orders.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// When to go on; while a replica works on a page, the end of its lease.
    pub next_at: Time,
    /// Raised by every claim; a write with an older one is fenced off.
    pub epoch: i64,
    pub begun_at: Time,
    /// Go on after this order; empty between passes.
    pub after_order: String,
    /// Orders compared and differences found so far.
    pub compared: i64,
    pub found: i64,
}

/// The pass, if there has ever been a timer.
pub async fn load(transaction: &mut Transaction<'_>) -> Result<Option<Pass>, Error> {
    let row = sqlx::query(
        "SELECT next_at, epoch, begun_at, after_order, compared, found FROM reconciliations",
    )
    .fetch_optional(transaction.sql())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Pass {
        next_at: Time(row.try_get(0)?),
        epoch: row.try_get(1)?,
        begun_at: Time(row.try_get(2)?),
        after_order: row.try_get(3)?,
        compared: row.try_get(4)?,
        found: row.try_get(5)?,
    }))
}

/// Sets the timer for the first time.
pub async fn begin(transaction: &mut Transaction<'_>, first: Time) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO reconciliations (name, next_at, epoch, begun_at, after_order, compared, found) \
         VALUES ('orders', $1, 0, 0, '', 0, 0) ON CONFLICT (name) DO NOTHING",
    )
    .bind(first.0)
    .execute(transaction.sql())
    .await?;
    Ok(())
}

/// Writes `pass` if the row still has the epoch `before`.
pub async fn save(
    transaction: &mut Transaction<'_>,
    before: i64,
    pass: &Pass,
) -> Result<(), Error> {
    let done = sqlx::query(
        "UPDATE reconciliations SET next_at = $1, epoch = $2, begun_at = $3, after_order = $4, \
         compared = $5, found = $6 WHERE name = 'orders' AND epoch = $7",
    )
    .bind(pass.next_at.0)
    .bind(pass.epoch)
    .bind(pass.begun_at.0)
    .bind(pass.after_order.clone())
    .bind(pass.compared)
    .bind(pass.found)
    .bind(before)
    .execute(transaction.sql())
    .await?;
    guarded(done.rows_affected())
}

/// At most `limit` orders after `after` that have nothing left to do and have not moved since
/// `since`, by their ids as stored.
pub async fn resting(
    transaction: &mut Transaction<'_>,
    after: &str,
    since: Time,
    limit: i64,
) -> Result<Vec<String>, Error> {
    // Each order's last move is looked up by itself. Of NOT EXISTS Postgres makes a join, for which it
    // reads the trail of all orders at every page.
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT o.id FROM orders o WHERE o.id > $1 AND o.goal = 'DONE' AND COALESCE(\
         (SELECT MAX(a.at) FROM audit a WHERE a.subject = o.id), 0) <= $2 ORDER BY o.id LIMIT $3",
    )
    .bind(after.to_owned())
    .bind(since.0)
    .bind(limit)
    .fetch_all(transaction.sql())
    .await?;
    Ok(ids)
}

/// Those of `orders`, of which there is at least one, that the Store has.
pub async fn known(
    transaction: &mut Transaction<'_>,
    orders: &[OrderId],
) -> Result<BTreeSet<OrderId>, Error> {
    // Only the number of placeholders varies, which no caller's text can reach.
    let places: Vec<_> = (1..=orders.len()).map(|place| format!("${place}")).collect();
    let sql = format!("SELECT id FROM orders WHERE id IN ({})", places.join(", "));
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
    for order in orders {
        query = query.bind(order.to_string());
    }
    let ids: Vec<String> = query.fetch_all(transaction.sql()).await?;
    ids.into_iter().map(|id| OrderId::parse(id).map_err(Error::of_row)).collect()
}
