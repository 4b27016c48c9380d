//! Users.

use sqlx::Row;
use stormproof_messaging::Transaction;

use crate::error::{Error, Kind};
use crate::id::UserId;

/// A user as stored.
#[derive(Clone)]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub email: String,
    pub password_hash: String,
    pub role: String,
}

/// Adds a user; `Rejected(Conflict)` if the name is taken.
pub async fn insert(transaction: &mut Transaction<'_>, user: &User) -> Result<(), Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO users (id, username, email, password_hash, role, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (username) DO NOTHING",
    )
    .bind(user.id.to_string())
    .bind(user.username.clone())
    .bind(user.email.clone())
    .bind(user.password_hash.clone())
    .bind(user.role.clone())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::rejected(Kind::Conflict, "this user name is taken")),
    }
}

pub async fn by_name(
    transaction: &mut Transaction<'_>,
    username: &str,
) -> Result<Option<User>, Error> {
    let row = sqlx::query(
        "SELECT id, username, email, password_hash, role FROM users WHERE username = $1",
    )
    .bind(username.to_owned())
    .fetch_optional(transaction.sql())
    .await?;
    row.map(|row| {
        Ok(User {
            id: UserId::parse(row.try_get::<String, _>(0)?)?,
            username: row.try_get(1)?,
            email: row.try_get(2)?,
            password_hash: row.try_get(3)?,
            role: row.try_get(4)?,
        })
    })
    .transpose()
}
