//! Sagas: timers, leases, epochs.

use stormproof_messaging::Transaction;
use stormproof_ports::time::Time;

use super::guarded;
use crate::error::Error;
use crate::id::OrderId;
use crate::store::saga::Saga;

pub async fn insert(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    saga: &Saga,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO sagas (order_id, goal, stock, delivery, step, attempts, replans, \
         debit_queued, next_attempt_at, lease_owner, lease_until, epoch, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(order.to_string())
    .bind(saga.goal.as_str())
    .bind(saga.stock.as_str())
    .bind(saga.delivery.as_str())
    .bind(saga.step.as_str())
    .bind(saga.attempts)
    .bind(saga.replans)
    .bind(i64::from(saga.debit_queued))
    .bind(saga.next_attempt_at)
    .bind(saga.lease_owner.clone())
    .bind(saga.lease_until)
    .bind(saga.epoch)
    .bind(saga.version)
    .execute(transaction.sql())
    .await?;
    Ok(())
}

/// Writes `saga`, if nothing of its case was written since it was read, and raises its version.
pub async fn save(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    saga: &mut Saga,
) -> Result<(), Error> {
    let done = sqlx::query(
        "UPDATE sagas SET goal = $1, stock = $2, delivery = $3, step = $4, attempts = $5, \
         replans = $6, debit_queued = $7, next_attempt_at = $8, lease_owner = $9, \
         lease_until = $10, epoch = $11, version = version + 1 \
         WHERE order_id = $12 AND version = $13",
    )
    .bind(saga.goal.as_str())
    .bind(saga.stock.as_str())
    .bind(saga.delivery.as_str())
    .bind(saga.step.as_str())
    .bind(saga.attempts)
    .bind(saga.replans)
    .bind(i64::from(saga.debit_queued))
    .bind(saga.next_attempt_at)
    .bind(saga.lease_owner.clone())
    .bind(saga.lease_until)
    .bind(saga.epoch)
    .bind(order.to_string())
    .bind(saga.version)
    .execute(transaction.sql())
    .await?;
    guarded(done.rows_affected())?;
    saga.version += 1;
    Ok(())
}

/// The orders whose next attempt is due, the longest due first. A leased order is not due: its
/// next attempt lies at the end of the lease.
pub async fn due(
    transaction: &mut Transaction<'_>,
    now: Time,
    limit: i64,
) -> Result<Vec<OrderId>, Error> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT order_id FROM sagas WHERE next_attempt_at <= $1 \
         ORDER BY next_attempt_at, order_id LIMIT $2",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(transaction.sql())
    .await?;
    ids.into_iter().map(OrderId::parse).collect()
}

/// When the next order is due.
pub async fn next_due(
    transaction: &mut Transaction<'_>,
    after: Time,
) -> Result<Option<Time>, Error> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT next_attempt_at FROM sagas WHERE next_attempt_at > $1 \
         ORDER BY next_attempt_at LIMIT 1",
    )
    .bind(after.0)
    .fetch_optional(transaction.sql())
    .await?;
    Ok(at.map(Time))
}
