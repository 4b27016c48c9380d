//! Alerts: what people have to look at. A row for the support page and a mail, in one commit.

use std::time::Duration;

use stormproof_messaging::Transaction;
use stormproof_messaging::janitor::{Age, Forgettable};
use stormproof_messaging::outbox;
use stormproof_ports::DatabaseError;
use stormproof_ports::story::Fact;

use crate::id::{self, OrderId};
use crate::messages::Support;

/// Of trouble that lasts, support hears again after so long (`protocol.md` §2).
pub const REMINDER: Duration = Duration::from_secs(24 * 3600);

/// So many characters of a cause are kept: PostgreSQL takes no more than 2,704 bytes into an index.
const CAUSE_MAX: usize = 500;

/// Alerts, as they are forgotten: of what lasts there is a younger one.
pub static ALERTS: Forgettable = Forgettable {
    name: "forget_alerts",
    age: Age::Time,
    oldest: "SELECT raised_at FROM alerts WHERE raised_at < $1 ORDER BY raised_at LIMIT 100",
    delete: "DELETE FROM alerts WHERE raised_at >= $1 AND raised_at <= $2",
};

/// What support is to look at.
#[derive(Clone, Copy, Debug)]
pub struct Trouble<'a> {
    pub order: &'a OrderId,
    /// What kind of trouble, such as `refund parked`.
    pub kind: &'static str,
    /// What tells it from other trouble of its kind with the order, such as the id of the message that died;
    /// empty where an order has one at most.
    pub cause: &'a str,
    /// For people: what happened, and what to look at.
    pub text: &'a str,
}

/// Alerts support, unless it was alerted of the same in the last [`REMINDER`].
///
/// # Errors
/// If it cannot be written: nothing has happened.
pub async fn raise(
    transaction: &mut Transaction<'_>,
    trouble: Trouble<'_>,
) -> Result<(), DatabaseError> {
    let Some(alert) = raise_on_page(transaction, trouble).await? else { return Ok(()) };
    let (order_id, kind, text) = (trouble.order.clone(), trouble.kind.into(), trouble.text.into());
    outbox::send(transaction, &Support { order_id, kind, text, alert });
    Ok(())
}

/// The same without a mail, for what another mail would only add to. The alert's id, if it is raised.
///
/// # Errors
/// If it cannot be written: nothing has happened.
pub async fn raise_on_page(
    transaction: &mut Transaction<'_>,
    trouble: Trouble<'_>,
) -> Result<Option<String>, DatabaseError> {
    let Trouble { order, kind, cause, text } = trouble;
    let now = transaction.now();
    let alert = id::fresh(transaction.ports()).replace('-', "");
    let done = sqlx::query(
        "INSERT INTO alerts (id, order_id, kind, cause, text, raised_at) \
         SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT 1 FROM alerts \
         WHERE order_id = $2 AND kind = $3 AND cause = $4 AND raised_at > $7)",
    )
    .bind(alert.clone())
    .bind(order.to_string())
    .bind(kind)
    .bind(cause.chars().take(CAUSE_MAX).collect::<String>())
    .bind(text.to_owned())
    .bind(now.0)
    .bind((now - REMINDER).0)
    .execute(transaction.sql())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    transaction.tell(Fact::new("alert", "RAISED", order, format!("alerts support: {kind}")));
    Ok(Some(alert))
}
