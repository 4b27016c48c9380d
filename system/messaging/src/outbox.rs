//! The outbox: messages that commit with the state they tell of, and the relay that sends them.
//!
//! A row is NEW until the broker confirmed it without a return, then SENT. What this replica has committed it
//! hands over to its own relay, whose it is for a while: the row's next attempt lies that far ahead. Where
//! nobody learns whether the commit happened, or the replica dies, somebody's relay finds the row then.

use stormproof_ports::{DatabaseError, Message, id};

use crate::payload::{Payload, encode};
use crate::rows::{Insert, ROWS_MAX};
use crate::transaction::Transaction;

pub use crate::relay::{RelayPolicy, Watch, relay, watched_relay};

static INSERT: Insert = Insert::new(
    "INSERT INTO outbox (id, exchange, routing_key, correlation_id, schema_name, schema_version, \
     traceparent, created_at, body, status, attempts, next_attempt_at) VALUES {}",
    12,
);

/// Has `payload` sent once the transaction is committed.
pub fn send<P: Payload>(transaction: &mut Transaction<'_>, payload: &P) {
    let now = transaction.now();
    let message = encode(payload, id::fresh(transaction.ports()), now.0);
    transaction.send(message);
}

/// Writes the rows of `messages`.
pub(crate) async fn write(
    transaction: &mut Transaction<'_>,
    messages: &[Message],
) -> Result<(), DatabaseError> {
    let claim = transaction.ports().outgoing.claim();
    for messages in messages.chunks(ROWS_MAX) {
        let mut query = sqlx::query(INSERT.text(messages.len()));
        for message in messages {
            let body = String::from_utf8(message.body.to_vec()).expect("JSON is UTF-8");
            let ahead = claim.unwrap_or_default().as_micros();
            let ahead = i64::try_from(ahead).expect("a short time");
            query = query
                .bind(message.message_id.clone())
                .bind(message.exchange.clone())
                .bind(message.routing_key.clone())
                .bind(message.correlation_id.clone())
                .bind(message.schema.clone())
                .bind(i64::from(message.version))
                .bind(message.traceparent.clone())
                .bind(message.timestamp)
                .bind(body)
                .bind("NEW")
                .bind(i64::from(claim.is_some()))
                .bind(message.timestamp + ahead);
        }
        query.execute(transaction.sql()).await?;
    }
    Ok(())
}
