//! The first answer to each client's key.

use sqlx::Row;
use sqlx::any::AnyRow;
use stormproof_messaging::Transaction;
use stormproof_messaging::janitor::{Age, Forgettable};

use crate::error::Error;
use crate::id::UserId;

/// Keys with their answers, as they are forgotten.
pub static KEYS: Forgettable = Forgettable {
    name: "forget_keys",
    age: Age::Time,
    oldest: "SELECT created_at FROM idempotency WHERE created_at < $1 \
             ORDER BY created_at LIMIT 100",
    delete: "DELETE FROM idempotency WHERE created_at >= $1 AND created_at <= $2",
};

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
    /// SHA-256 of what was ordered, in hexadecimal.
    pub body_hash: String,
    /// HTTP status.
    pub status: u16,
    pub location: String,
    pub body: String,
}

/// Who asks with a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    /// Where they want mails.
    pub email: String,
    /// The first answer to the key, if there is one.
    pub stored: Option<Stored>,
}

/// Whose key it is and what was answered to it; `None` for an unknown user.
pub async fn asking(
    transaction: &mut Transaction<'_>,
    key: ClientKey<'_>,
) -> Result<Option<Asking>, Error> {
    let row = sqlx::query(
        "SELECT u.email, i.body_hash, i.status, i.location, i.body FROM users u \
         LEFT JOIN idempotency i ON i.user_id = u.id AND i.route = $2 AND i.key = $3 \
         WHERE u.id = $1",
    )
    .bind(key.user.to_string())
    .bind(key.route)
    .bind(key.key.to_owned())
    .fetch_optional(transaction.sql())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let stored = match row.try_get::<Option<String>, _>(1)? {
        Some(_) => Some(read(&row, 1)?),
        None => None,
    };
    Ok(Some(Asking { email: row.try_get(0)?, stored }))
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
    row.map(|row| read(&row, 0)).transpose()
}

/// `first`: the first column of the answer's.
fn read(row: &AnyRow, first: usize) -> Result<Stored, Error> {
    Ok(Stored {
        body_hash: row.try_get(first)?,
        status: u16::try_from(row.try_get::<i64, _>(first + 1)?).unwrap_or(500),
        location: row.try_get(first + 2)?,
        body: row.try_get(first + 3)?,
    })
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
