//! The inbox: a message has its effect once, however often it is delivered.
//!
//! The row commits with the effect, so a message is either unknown and without effect, or known
//! and done.

use stormproof_ports::story::Fact;
use stormproof_ports::{DatabaseError, Message};

use crate::rows::{Insert, ROWS_MAX};
use crate::transaction::Transaction;

static INSERT: Insert = Insert::new(
    "INSERT INTO inbox (queue, message_id, received_at) VALUES {} \
     ON CONFLICT (queue, message_id) DO NOTHING",
    3,
);

/// Notes that `queue` delivered `message`; `false` if it did before.
///
/// # Errors
/// If the row cannot be written: nothing has happened.
pub async fn first_time(
    transaction: &mut Transaction<'_>,
    queue: &'static str,
    message: &Message,
) -> Result<bool, DatabaseError> {
    let first = all_first_time(transaction, queue, &[message]).await?;
    if !first {
        let words = format!("drops a duplicate of {}", message.schema);
        transaction.tell(Fact::new("inbox", "DUPLICATE", &message.correlation_id, words));
    }
    Ok(first)
}

/// Notes that `queue` delivered `messages`; `false` if it did some of them before, or one of them twice.
///
/// # Errors
/// If the rows cannot be written: nothing has happened.
pub(crate) async fn all_first_time(
    transaction: &mut Transaction<'_>,
    queue: &'static str,
    messages: &[&Message],
) -> Result<bool, DatabaseError> {
    let now = transaction.now();
    for messages in messages.chunks(ROWS_MAX) {
        let query = sqlx::query(INSERT.text(messages.len()));
        let query = messages.iter().fold(query, |query, message| {
            query.bind(queue).bind(message.message_id.clone()).bind(now.0)
        });
        let done = query.execute(transaction.sql()).await?;
        if done.rows_affected() < messages.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}
