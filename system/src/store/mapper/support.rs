//! What the support team sees.

use sqlx::Row;
use stormproof_messaging::Transaction;

use crate::error::Error;
use crate::id::OrderId;

/// An alert as stored.
pub struct Alert {
    pub id: String,
    pub order_id: String,
    pub kind: String,
    pub cause: String,
    pub text: String,
    pub raised_at: i64,
}

/// Orders whose refund is parked. One whose id is none is told of by the sweep.
pub async fn parked(transaction: &mut Transaction<'_>) -> Result<Vec<OrderId>, Error> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM orders WHERE payment_status = 'PARKED' ORDER BY id LIMIT 100",
    )
    .fetch_all(transaction.sql())
    .await?;
    Ok(ids.into_iter().flat_map(OrderId::parse).collect())
}

/// The newest alerts first.
pub async fn alerts(transaction: &mut Transaction<'_>) -> Result<Vec<Alert>, Error> {
    let rows = sqlx::query(
        "SELECT id, order_id, kind, cause, text, raised_at FROM alerts \
         ORDER BY raised_at DESC, order_id, kind LIMIT 100",
    )
    .fetch_all(transaction.sql())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Alert {
                id: row.try_get(0)?,
                order_id: row.try_get(1)?,
                kind: row.try_get(2)?,
                cause: row.try_get(3)?,
                text: row.try_get(4)?,
                raised_at: row.try_get(5)?,
            })
        })
        .collect()
}
