//! The inbox: a message has its effect once, however often it is delivered.
//!
//! The row commits with the effect, so a message is either unknown and without effect, or known
//! and done.

use crate::error::Error;
use crate::ports::Message;
use crate::story::Fact;
use crate::transaction::Transaction;

/// Notes that `queue` delivered `message`; `false` if it did before.
pub async fn first_time(
    transaction: &mut Transaction<'_>,
    queue: &'static str,
    message: &Message,
) -> Result<bool, Error> {
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
