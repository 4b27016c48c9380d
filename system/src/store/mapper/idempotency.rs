//! The first answer to each client's key.

use sqlx::Row;
use stormproof_messaging::Transaction;
use stormproof_ports::time::Time;

use crate::error::Error;
use crate::id::UserId;

/// A client's key: whose it is and for which route.
#[derive(Clone, Copy)]
pub struct ClientKey<'a> {
    pub user: &'a UserId,
    pub route: &'static str,
    pub key: &'a str,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// SHA-256 of the request's body, in hexadecimal.
    pub body_hash: String,
    /// HTTP status.
    pub status: u16,
    pub location: String,
    pub body: String,
}

pub async fn find(
    transaction: &mut Transaction<'_>,
    key: ClientKey<'_>,
) -> Result<Option<Stored>, Error> {
    let row = sqlx::query(
        "SELECT body_hash, status, location, body FROM idempotency \
         WHERE user_id = $1 AND route = $2 AND key = $3",
    )
    .bind(key.user.to_string())
    .bind(key.route)
    .bind(key.key.to_owned())
    .fetch_optional(transaction.sql())
    .await?;
    row.map(|row| {
        Ok(Stored {
            body_hash: row.try_get(0)?,
            status: u16::try_from(row.try_get::<i64, _>(1)?).unwrap_or(500),
            location: row.try_get(2)?,
            body: row.try_get(3)?,
        })
    })
    .transpose()
}

/// Writes the answer; `false` if a twin was faster, whose answer is there now.
pub async fn insert(
    transaction: &mut Transaction<'_>,
    key: ClientKey<'_>,
    stored: &Stored,
) -> Result<bool, Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO idempotency (user_id, route, key, body_hash, status, location, body, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (user_id, route, key) DO NOTHING",
    )
    .bind(key.user.to_string())
    .bind(key.route)
    .bind(key.key.to_owned())
    .bind(stored.body_hash.clone())
    .bind(i64::from(stored.status))
    .bind(stored.location.clone())
    .bind(stored.body.clone())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets a bounded number of keys that are older than `before`.
pub async fn forget(transaction: &mut Transaction<'_>, before: Time) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM idempotency WHERE (user_id, route, key) IN \
         (SELECT user_id, route, key FROM idempotency WHERE created_at < $1 \
         ORDER BY created_at LIMIT 100)",
    )
    .bind(before.0)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected())
}
