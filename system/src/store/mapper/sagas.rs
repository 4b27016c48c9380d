//! Sagas: which are due, and when the next one is.

use sqlx::Row;
use stormproof_messaging::Transaction;
use stormproof_ports::time::Time;

use crate::error::Error;
use crate::id::OrderId;

/// What is due, and what is next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// Orders whose next attempt is due, the longest due first.
    pub orders: Vec<OrderId>,
    /// When the next one after them is due; `None` too where more may be due than were asked for.
    pub next: Option<Time>,
}

/// The orders whose next attempt is due, `limit` at most. A leased order is not due: its next attempt lies
/// at the end of the lease.
pub async fn due(transaction: &mut Transaction<'_>, now: Time, limit: i64) -> Result<Due, Error> {
    let rows = sqlx::query(
        "SELECT id, next_attempt_at FROM orders WHERE next_attempt_at < $1 \
         ORDER BY next_attempt_at, id LIMIT $2",
    )
    // Orders at rest for good are left out; of the others the index gives the first few.
    .bind(i64::MAX)
    .bind(limit + 1)
    .fetch_all(transaction.sql())
    .await?;
    let mut due = Due::default();
    for row in rows {
        let at = Time(row.try_get(1)?);
        match at <= now {
            true if (due.orders.len() as i64) < limit => {
                due.orders.push(OrderId::parse(row.try_get::<String, _>(0)?)?);
            }
            true => break,
            false => {
                due.next = Some(at);
                break;
            }
        }
    }
    Ok(due)
}
