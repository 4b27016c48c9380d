//! Alerts: what people have to look at. A row for the support page and a mail, in one commit.

use stormproof_messaging::Transaction;
use stormproof_messaging::outbox;
use stormproof_ports::DatabaseError;
use stormproof_ports::story::Fact;

use crate::id::OrderId;
use crate::messages::Support;

/// Alerts support about `order`, once for each kind of trouble.
///
/// # Errors
/// If it cannot be written: nothing has happened.
pub async fn raise(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    kind: &'static str,
    text: &str,
) -> Result<(), DatabaseError> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO alerts (order_id, kind, text, raised_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (order_id, kind) DO NOTHING",
    )
    .bind(order.to_string())
    .bind(kind)
    .bind(text.to_owned())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    if done.rows_affected() == 1 {
        let support =
            Support { order_id: order.clone(), kind: kind.to_owned(), text: text.to_owned() };
        outbox::send(transaction, &support);
        transaction.tell(Fact::new("alert", "RAISED", order, format!("alerts support: {kind}")));
    }
    Ok(())
}
