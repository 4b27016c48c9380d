//! Mails in SQL.

use sqlx::Row;
use sqlx::any::AnyRow;
use stormproof_messaging::Statements;
use stormproof_ports::Mail;
use stormproof_ports::time::Time;

use crate::error::Error;
use crate::id::OrderId;
use crate::unreadable::{Readings, each};

/// A mail that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub order_id: String,
    pub template: String,
    pub mail: Mail,
    pub sent_at: Time,
}

/// Claims the mail until `until`, under a name that no other claim has; `false` if it is sent, or if
/// another claim has not ended. A repeat of the same claim is had.
pub async fn claim(
    sql: Statements<'_>,
    order: &OrderId,
    template: &str,
    mail: &Mail,
    claim: &str,
    now: Time,
    until: Time,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO sent (order_id, template, message_id, recipient, subject, text, html, state, \
         claimed_by, claimed_until) VALUES ($1, $2, $3, $4, $5, $6, $7, 'CLAIMED', $8, $9) \
         ON CONFLICT (order_id, template) DO UPDATE SET recipient = excluded.recipient, \
         subject = excluded.subject, text = excluded.text, html = excluded.html, \
         claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until \
         WHERE sent.state = 'CLAIMED' \
         AND (sent.claimed_by = excluded.claimed_by OR sent.claimed_until <= $10)",
    )
    .bind(order.to_string())
    .bind(template.to_owned())
    .bind(mail.message_id.clone())
    .bind(mail.to.clone())
    .bind(mail.subject.clone())
    .bind(mail.text.clone())
    .bind(mail.html.clone())
    .bind(claim.to_owned())
    .bind(until.0)
    .bind(now.0)
    .execute(sql)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives up the claim.
pub async fn release(
    sql: Statements<'_>,
    order: &OrderId,
    template: &str,
    claim: &str,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE sent SET claimed_until = 0 WHERE order_id = $1 AND template = $2 \
         AND state = 'CLAIMED' AND claimed_by = $3",
    )
    .bind(order.to_string())
    .bind(template.to_owned())
    .bind(claim.to_owned())
    .execute(sql)
    .await?;
    Ok(())
}

/// Whether the mail is sent.
pub async fn is_sent(sql: Statements<'_>, order: &OrderId, template: &str) -> Result<bool, Error> {
    let state: Option<String> =
        sqlx::query_scalar("SELECT state FROM sent WHERE order_id = $1 AND template = $2")
            .bind(order.to_string())
            .bind(template.to_owned())
            .fetch_optional(sql)
            .await?;
    Ok(state.as_deref() == Some("SENT"))
}

/// Notes that the mail is sent, whoever claimed it; `false` if that was noted before.
pub async fn mark_sent(
    sql: Statements<'_>,
    order: &OrderId,
    template: &str,
    now: Time,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE sent SET state = 'SENT', sent_at = $1 \
         WHERE order_id = $2 AND template = $3 AND state = 'CLAIMED'",
    )
    .bind(now.0)
    .bind(order.to_string())
    .bind(template.to_owned())
    .execute(sql)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The latest `limit` mails, newest first.
pub async fn latest(sql: Statements<'_>, limit: i64) -> Result<Readings<Sent>, Error> {
    let rows = sqlx::query(
        "SELECT order_id, template, message_id, recipient, subject, text, html, sent_at FROM sent \
         WHERE state = 'SENT' ORDER BY sent_at DESC, order_id, template LIMIT $1",
    )
    .bind(limit)
    .fetch_all(sql)
    .await?;
    each(&rows, read)
}

/// The latest `limit` mails to `recipient`, newest first.
pub async fn latest_to(
    sql: Statements<'_>,
    recipient: &str,
    limit: i64,
) -> Result<Readings<Sent>, Error> {
    let rows = sqlx::query(
        "SELECT order_id, template, message_id, recipient, subject, text, html, sent_at FROM sent \
         WHERE state = 'SENT' AND recipient = $1 ORDER BY sent_at DESC, order_id, template LIMIT $2",
    )
    .bind(recipient.to_owned())
    .bind(limit)
    .fetch_all(sql)
    .await?;
    each(&rows, read)
}

fn read(row: &AnyRow) -> Result<Sent, Error> {
    Ok(Sent {
        order_id: row.try_get(0)?,
        template: row.try_get(1)?,
        mail: Mail {
            message_id: row.try_get(2)?,
            to: row.try_get(3)?,
            subject: row.try_get(4)?,
            text: row.try_get(5)?,
            html: row.try_get(6)?,
        },
        sent_at: Time(row.try_get(7)?),
    })
}
