//! Accounts and the ledger's entries as rows.
//!
//! No statement that names a customer's account can reach one of the Bank's own: those are INTERNAL.

use sqlx::Row;
use stormproof_messaging::Transaction;

use crate::bank::account::{Account, Status};
use crate::bank::debit::Charge;
use crate::bank::ledger::Posting;
use crate::error::Error;
use crate::id::UserId;
use crate::money::{Currency, Money};
use crate::unreadable::known;

/// Writes a new account; `false` if its owner has one.
pub async fn insert(transaction: &mut Transaction<'_>, account: &Account) -> Result<bool, Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO accounts \
         (owner, balance, currency, status, opened_balance, opened_status, opened_at) \
         VALUES ($1, $2, $3, $4, $2, $4, $5) ON CONFLICT (owner) DO NOTHING",
    )
    .bind(account.owner.to_string())
    .bind(account.balance.minor)
    .bind(account.balance.currency.to_string())
    .bind(account.status.as_str())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The account of `owner` as it is now.
pub async fn find(
    transaction: &mut Transaction<'_>,
    owner: &UserId,
) -> Result<Option<Account>, Error> {
    let sql = "SELECT balance, currency, status FROM accounts \
               WHERE owner = $1 AND status <> 'INTERNAL'";
    read(transaction, sql, owner).await
}

/// The account of `owner` as it was opened.
pub async fn opening(
    transaction: &mut Transaction<'_>,
    owner: &UserId,
) -> Result<Option<Account>, Error> {
    let sql = "SELECT opened_balance, currency, opened_status FROM accounts \
               WHERE owner = $1 AND status <> 'INTERNAL'";
    read(transaction, sql, owner).await
}

async fn read(
    transaction: &mut Transaction<'_>,
    sql: &'static str,
    owner: &UserId,
) -> Result<Option<Account>, Error> {
    let row = sqlx::query(sql).bind(owner.to_string()).fetch_optional(transaction.sql()).await?;
    let Some(row) = row else { return Ok(None) };
    let status: String = row.try_get(2)?;
    Ok(Some(Account {
        owner: owner.clone(),
        balance: money(row.try_get(0)?, &row.try_get::<String, _>(1)?)?,
        status: known(Status::parse(&status), "account status", &status)?,
    }))
}

/// Gives the account of `owner` another status.
pub async fn set_status(
    transaction: &mut Transaction<'_>,
    owner: &UserId,
    status: Status,
) -> Result<(), Error> {
    sqlx::query("UPDATE accounts SET status = $1 WHERE owner = $2 AND status <> 'INTERNAL'")
        .bind(status.as_str())
        .bind(owner.to_string())
        .execute(transaction.sql())
        .await?;
    Ok(())
}

/// Takes the money if the account is open and holds that much; `false` if not.
pub async fn withdraw(transaction: &mut Transaction<'_>, charge: &Charge) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE accounts SET balance = balance - $1 \
         WHERE owner = $2 AND currency = $3 AND status = 'OPEN' AND balance >= $1",
    )
    .bind(charge.amount.minor)
    .bind(charge.account.to_string())
    .bind(charge.amount.currency.to_string())
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Brings the money to a customer's account unless it is closed; `false` if it is.
pub async fn deposit(
    transaction: &mut Transaction<'_>,
    owner: &UserId,
    amount: Money,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE accounts SET balance = balance + $1 \
         WHERE owner = $2 AND currency = $3 AND status IN ('OPEN', 'FROZEN')",
    )
    .bind(amount.minor)
    .bind(owner.to_string())
    .bind(amount.currency.to_string())
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds to one of the Bank's own accounts; a negative amount takes away.
pub async fn add(
    transaction: &mut Transaction<'_>,
    internal: &'static str,
    minor: i64,
) -> Result<(), Error> {
    let done = sqlx::query(
        "UPDATE accounts SET balance = balance + $1 WHERE owner = $2 AND status = 'INTERNAL'",
    )
    .bind(minor)
    .bind(internal)
    .execute(transaction.sql())
    .await?;
    assert_eq!(done.rows_affected(), 1, "the migration opens the Bank's own accounts");
    Ok(())
}

/// Writes the entries of `posting`.
pub async fn post(transaction: &mut Transaction<'_>, posting: &Posting) -> Result<(), Error> {
    let [from, to] = posting.entries();
    sqlx::query(
        "INSERT INTO entries (transaction_id, account, amount) VALUES ($1, $2, $3), ($1, $4, $5)",
    )
    .bind(posting.transaction_id().to_owned())
    .bind(from.account.clone())
    .bind(from.amount)
    .bind(to.account.clone())
    .bind(to.amount)
    .execute(transaction.sql())
    .await?;
    Ok(())
}

/// Money from its two columns.
pub fn money(minor: i64, currency: &str) -> Result<Money, Error> {
    Ok(Money::new(minor, Currency::parse(currency).map_err(Error::of_row)?))
}
