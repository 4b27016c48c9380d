//! What the support team sees.

use sqlx::Row;
use stormproof_messaging::Transaction;

use crate::error::Error;

/// An alert as stored.
pub struct Alert {
    pub id: String,
    pub order_id: String,
    pub kind: String,
    pub cause: String,
    pub text: String,
    pub raised_at: i64,
}

/// At most `limit` orders after `after` whose refund is parked, by their ids as stored.
pub async fn parked(
    transaction: &mut Transaction<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, Error> {
    // Without a bound a plan of the first page has nowhere to begin but in the index of what is parked.
    let ids = match after {
        "" => {
            let first =
                "SELECT id FROM orders WHERE payment_status = 'PARKED' ORDER BY id LIMIT $1";
            sqlx::query_scalar(first).bind(limit).fetch_all(transaction.sql()).await?
        }
        after => {
            let next = "SELECT id FROM orders WHERE payment_status = 'PARKED' AND id > $1 \
                        ORDER BY id LIMIT $2";
            let query = sqlx::query_scalar(next).bind(after.to_owned()).bind(limit);
            query.fetch_all(transaction.sql()).await?
        }
    };
    Ok(ids)
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
