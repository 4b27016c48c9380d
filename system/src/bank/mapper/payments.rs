//! Debits and refunds as rows: each key with what it stands for.

use sqlx::Row;
use sqlx::any::AnyRow;
use stormproof_messaging::Transaction;

use super::accounts::money;
use crate::bank::debit::{Charge, Debit, parse_outcome};
use crate::bank::dto::{Movement, PaymentView, RefundRequest, RefundView};
use crate::bank::refund::Refund;
use crate::error::Error;
use crate::id::{OrderId, UserId};
use crate::messages::DebitRequest;
use crate::money::Money;
use crate::unreadable::{Readings, each, known};
use crate::views::ViewsRequest;

/// Claims the key of `request` as DEBITED; `false` if the key, or the order, is taken.
pub async fn claim(
    transaction: &mut Transaction<'_>,
    request: &DebitRequest,
    transaction_id: &str,
) -> Result<bool, Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO debits (key, order_id, account, amount, currency, outcome, transaction_id, at) \
         VALUES ($1, $2, $3, $4, $5, 'DEBITED', $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(request.key.clone())
    .bind(request.order_id.to_string())
    .bind(request.account.to_string())
    .bind(request.amount.minor)
    .bind(request.amount.currency.to_string())
    .bind(transaction_id.to_owned())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Turns the claim that this very transaction made into a decline.
pub async fn decline(
    transaction: &mut Transaction<'_>,
    key: &str,
    reason: &'static str,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE debits SET outcome = 'DECLINED', transaction_id = NULL, reason = $1 WHERE key = $2",
    )
    .bind(reason)
    .bind(key.to_owned())
    .execute(transaction.sql())
    .await?;
    Ok(())
}

/// Claims the key as VOIDED, before any debit; `false` if the key, or the order, is taken.
pub async fn bury(
    transaction: &mut Transaction<'_>,
    key: &str,
    order: &OrderId,
) -> Result<bool, Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO debits (key, order_id, outcome, at) VALUES ($1, $2, 'VOIDED', $3) \
         ON CONFLICT DO NOTHING",
    )
    .bind(key.to_owned())
    .bind(order.to_string())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What `key` stands for, and the refund it has had.
pub async fn debit(
    transaction: &mut Transaction<'_>,
    key: &str,
) -> Result<Option<(Debit, Option<Refund>)>, Error> {
    let row = sqlx::query(
        "SELECT d.key, d.order_id, d.outcome, d.transaction_id, d.reason, \
         d.account, d.amount, d.currency, r.amount, r.currency, r.transaction_id \
         FROM debits d LEFT JOIN refunds r ON r.debit_key = d.key WHERE d.key = $1",
    )
    .bind(key.to_owned())
    .fetch_optional(transaction.sql())
    .await?;
    match row {
        Some(row) => Ok(Some((read_debit(&row)?, read_refund(&row)?))),
        None => Ok(None),
    }
}

fn read_debit(row: &AnyRow) -> Result<Debit, Error> {
    let outcome: String = row.try_get(2)?;
    let account: Option<String> = row.try_get(5)?;
    let charge = match account {
        Some(account) => Some(Charge {
            account: UserId::parse(account).map_err(Error::of_row)?,
            amount: money(row.try_get(6)?, &row.try_get::<String, _>(7)?)?,
        }),
        None => None,
    };
    Ok(Debit {
        key: row.try_get(0)?,
        order_id: OrderId::parse(row.try_get::<String, _>(1)?).map_err(Error::of_row)?,
        charge,
        outcome: known(parse_outcome(&outcome), "outcome", &outcome)?,
        transaction_id: row.try_get(3)?,
        reason: row.try_get(4)?,
    })
}

fn read_refund(row: &AnyRow) -> Result<Option<Refund>, Error> {
    let Some(transaction_id) = row.try_get::<Option<String>, _>(10)? else { return Ok(None) };
    let amount = money(row.try_get(8)?, &row.try_get::<String, _>(9)?)?;
    Ok(Some(Refund { amount, transaction_id }))
}

/// Writes a refund; `false` if the key, or the debit, has one.
pub async fn insert_refund(
    transaction: &mut Transaction<'_>,
    request: &RefundRequest,
    transaction_id: &str,
) -> Result<bool, Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO refunds (key, debit_key, amount, currency, transaction_id, at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(request.key.clone())
    .bind(request.debit_key.clone())
    .bind(request.amount.minor)
    .bind(request.amount.currency.to_string())
    .bind(transaction_id.to_owned())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The money of a page of orders, in order. What the ledger holds is read from its entries, not from
/// what debits and refunds say of themselves.
pub async fn views(
    transaction: &mut Transaction<'_>,
    page: &ViewsRequest,
) -> Result<Readings<PaymentView>, Error> {
    // A sum of BIGINT is not one in every database.
    let query = sqlx::query(
        "SELECT d.order_id, d.outcome, d.account, d.amount, d.currency, d.transaction_id, \
         (SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM entries e \
         WHERE e.transaction_id = d.transaction_id AND e.account = d.account), \
         (SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM entries e \
         WHERE e.transaction_id = d.transaction_id), r.amount, r.currency, r.transaction_id, \
         (SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM entries e \
         WHERE e.transaction_id = r.transaction_id AND e.account = d.account), \
         (SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM entries e \
         WHERE e.transaction_id = r.transaction_id) \
         FROM debits d LEFT JOIN refunds r ON r.debit_key = d.key \
         WHERE d.order_id > $1 ORDER BY d.order_id LIMIT $2",
    )
    .bind(page.after.clone())
    .bind(page.limit);
    each(&query.fetch_all(transaction.sql()).await?, read_view)
}

fn read_view(row: &AnyRow) -> Result<PaymentView, Error> {
    let outcome: String = row.try_get(1)?;
    let account: Option<String> = row.try_get(2)?;
    let amount = |at: usize| -> Result<Option<Money>, Error> {
        let Some(minor) = row.try_get::<Option<i64>, _>(at)? else { return Ok(None) };
        Ok(Some(money(minor, &row.try_get::<String, _>(at + 1)?)?))
    };
    let movement = |at: usize| -> Result<Option<Movement>, Error> {
        let id: Option<String> = row.try_get(at)?;
        let Some(transaction_id) = id else { return Ok(None) };
        let (posted, sum) = (row.try_get(at + 1)?, row.try_get(at + 2)?);
        Ok(Some(Movement { transaction_id, posted, sum }))
    };
    let refund = amount(8)?.zip(movement(10)?);
    Ok(PaymentView {
        order_id: OrderId::parse(row.try_get::<String, _>(0)?).map_err(Error::of_row)?,
        outcome: known(parse_outcome(&outcome), "outcome", &outcome)?,
        account: account.map(UserId::parse).transpose().map_err(Error::of_row)?,
        amount: amount(3)?,
        movement: movement(5)?,
        refund: refund.map(|(amount, movement)| RefundView { amount, movement }),
    })
}
