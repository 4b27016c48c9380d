//! The inbox: a message has its effect once, however often it is delivered.
//!
//! The row commits with the effect, so a message is either unknown and without effect, or known
//! and done.

use stormproof_ports::story::Fact;
use stormproof_ports::{DatabaseError, Message};

use crate::transaction::Transaction;

/// Notes that `queue` delivered `message`; `false` if it did before.
///
/// # Errors
/// If the row cannot be written: nothing has happened.
pub async fn first_time(
    transaction: &mut Transaction<'_>,
    queue: &'static str,
    message: &Message,
) -> Result<bool, DatabaseError> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO inbox (queue, message_id, received_at) VALUES ($1, $2, $3) \
         ON CONFLICT (queue, message_id) DO NOTHING",
    )
    .bind(queue)
    .bind(message.message_id.clone())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    let first = done.rows_affected() == 1;
    if !first {
        let words = format!("drops a duplicate of {}", message.schema);
        transaction.tell(Fact::new("inbox", "DUPLICATE", &message.correlation_id, words));
    }
    Ok(first)
}
