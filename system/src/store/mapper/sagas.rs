//! Sagas: which are due, and when the next one is.

use sqlx::Row;
use stormproof_messaging::Transaction;
use stormproof_ports::time::Time;

use crate::error::Error;
use crate::id::OrderId;

/// More orders than a replica ever has in hand.
const HELD_MAX: i64 = 1000;

/// What is due, and what is next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// Orders whose next attempt is due, the longest due first.
    pub orders: Vec<OrderId>,
    /// Those that are due, too, and whose ids are none.
    pub unreadable: Vec<String>,
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
            true if ((due.orders.len() + due.unreadable.len()) as i64) < limit => {
                let id = row.try_get::<String, _>(0)?;
                match OrderId::parse(id.clone()) {
                    Ok(id) => due.orders.push(id),
                    Err(_) => due.unreadable.push(id),
                }
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

/// Makes the orders due now that this replica holds by leases that end by `until`; how many.
pub async fn give_back(
    transaction: &mut Transaction<'_>,
    now: Time,
    until: Time,
) -> Result<u64, Error> {
    let node = transaction.ports().node.to_string();
    let done = sqlx::query(
        "UPDATE orders SET version = version + 1, next_attempt_at = $1, lease_owner = '', \
         lease_until = 0 WHERE lease_owner = $3 AND id IN (SELECT id FROM orders \
         WHERE next_attempt_at > $1 AND next_attempt_at <= $2 AND lease_owner = $3 \
         ORDER BY next_attempt_at, id LIMIT $4)",
    )
    .bind(now.0)
    .bind(until.0)
    .bind(node)
    .bind(HELD_MAX)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected())
}

/// Sets an order aside that cannot be read: it is due no more. All else of it stays as it is.
pub async fn set_aside(transaction: &mut Transaction<'_>, id: &str) -> Result<(), Error> {
    sqlx::query("UPDATE orders SET next_attempt_at = $1 WHERE id = $2")
        .bind(i64::MAX)
        .bind(id.to_owned())
        .execute(transaction.sql())
        .await?;
    Ok(())
}
