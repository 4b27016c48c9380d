//! The outbox: messages that commit with the state they tell of, and the relay that sends them.
//!
//! A row is NEW until the broker confirmed it without a return, then SENT. The relay selects by
//! status, never by "id greater than the last one seen": commits are not ordered by id.

use std::time::Duration;

use futures::future::join_all;
use scoped_futures::ScopedFutureExt;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use stormproof_ports::retry::Backoff;
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};
use stormproof_ports::{DatabaseError, Message, Ports, PublishError, id, story};

use crate::payload::{Payload, encode};
use crate::transaction::{Transaction, transact};

/// How the outbox is emptied.
#[derive(Clone, Debug)]
pub struct RelayPolicy {
    /// Rows claimed at once.
    pub batch: i64,
    /// A claimed row is another relay's after this time.
    pub claim: Duration,
    /// The wait after a publish that was not confirmed; its base after a failure of the database.
    pub backoff: Backoff,
}

impl Default for RelayPolicy {
    fn default() -> RelayPolicy {
        RelayPolicy {
            batch: 64,
            claim: Duration::from_secs(10),
            backoff: Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(10) },
        }
    }
}

/// Writes `payload` into the transaction's outbox.
///
/// # Errors
/// If the row cannot be written: nothing has happened.
pub async fn send<P: Payload>(
    transaction: &mut Transaction<'_>,
    payload: &P,
) -> Result<(), DatabaseError> {
    let now = transaction.now();
    let message = encode(payload, id::fresh(transaction.ports()), now.0);
    sqlx::query(
        "INSERT INTO outbox (id, exchange, routing_key, correlation_id, schema_name, \
         schema_version, traceparent, created_at, body, status, attempts, next_attempt_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'NEW', 0, $8)",
    )
    .bind(message.message_id)
    .bind(message.exchange)
    .bind(message.routing_key)
    .bind(message.correlation_id)
    .bind(message.schema)
    .bind(i64::from(message.version))
    .bind(message.traceparent)
    .bind(now.0)
    .bind(String::from_utf8(message.body.to_vec()).expect("JSON is UTF-8"))
    .execute(transaction.sql())
    .await?;
    let ports = transaction.ports();
    transaction.after_commit(&ports.outbox_notify);
    Ok(())
}

/// The worker that empties the outbox.
pub fn relay(ports: &Ports, policy: RelayPolicy) -> Worker {
    let ports = ports.clone();
    Worker::new("relay", ports.outbox_notify.clone(), move || {
        let (ports, policy) = (ports.clone(), policy.clone());
        Box::pin(async move {
            match relay_batch(&ports, &policy).await {
                Ok(progress) => progress,
                Err(error) => Progress::Failed {
                    why: error.to_string(),
                    retry_at: ports.clock.now() + policy.backoff.base,
                },
            }
        })
    })
}

/// Claims what is due, publishes it, marks what was confirmed.
async fn relay_batch(ports: &Ports, policy: &RelayPolicy) -> Result<Progress, DatabaseError> {
    let Claimed { due, next_due } = claim(ports, policy).await?;
    let full = due.len() as i64 >= policy.batch;
    if due.is_empty() {
        return Ok(Progress::Idle(next_due));
    }
    let results = join_all(due.iter().map(|row| ports.queue.publish(row.message.clone()))).await;
    let mut sent = Vec::new();
    let mut failed = Vec::new();
    for (row, result) in due.into_iter().zip(results) {
        match result {
            Ok(()) => sent.push(row.message.message_id),
            Err(error) => {
                if let PublishError::Returned(_) = error {
                    let words = format!("{}: {error}", row.message.schema);
                    story::say(&row.message.correlation_id, &words);
                }
                failed.push((row.message.message_id, row.attempts));
            }
        }
    }
    settle(ports, policy, &sent, &failed).await?;
    match full || !failed.is_empty() {
        true => Ok(Progress::Worked),
        false => Ok(Progress::Idle(next_due)),
    }
}

/// Rows that this relay publishes now, and when the next of the others is due.
struct Claimed {
    due: Vec<Row>,
    next_due: Option<Time>,
}

/// A row of the outbox.
struct Row {
    message: Message,
    /// With the one under way.
    attempts: i64,
}

/// A claim pushes the row's next attempt into the future, so that another replica's relay leaves
/// it alone; a relay that dies loses its claim by time.
async fn claim(ports: &Ports, policy: &RelayPolicy) -> Result<Claimed, DatabaseError> {
    transact(ports, move |transaction| {
        async move {
            let now = transaction.now();
            let rows = sqlx::query(
                "SELECT id, exchange, routing_key, correlation_id, schema_name, schema_version, \
                 traceparent, created_at, body, attempts FROM outbox \
                 WHERE status = 'NEW' AND next_attempt_at <= $1 \
                 ORDER BY next_attempt_at, id LIMIT $2",
            )
            .bind(now.0)
            .bind(policy.batch)
            .fetch_all(transaction.sql())
            .await?;
            let mut due = rows.iter().map(read).collect::<Result<Vec<_>, DatabaseError>>()?;
            // What was written first leaves first.
            due.sort_by(|one, other| one.message.message_id.cmp(&other.message.message_id));
            // Row by row: one statement for all of them would have SQLite build a table first.
            let mut claimed = Vec::with_capacity(due.len());
            for row in due {
                let done = sqlx::query(
                    "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $1 \
                     WHERE id = $2 AND attempts = $3 AND status = 'NEW'",
                )
                .bind((now + policy.claim).0)
                .bind(row.message.message_id.clone())
                .bind(row.attempts - 1)
                .execute(transaction.sql())
                .await?;
                // None: another replica's relay has claimed it since it was read.
                if done.rows_affected() == 1 {
                    claimed.push(row);
                }
            }
            // What is claimed here is due again when the claim ends, if its settling fails.
            let next_due: Option<i64> = sqlx::query_scalar(
                "SELECT next_attempt_at FROM outbox WHERE status = 'NEW' \
                 ORDER BY next_attempt_at LIMIT 1",
            )
            .fetch_optional(transaction.sql())
            .await?;
            Ok(Claimed { due: claimed, next_due: next_due.map(Time) })
        }
        .scope_boxed()
    })
    .await
}

fn read(row: &AnyRow) -> Result<Row, DatabaseError> {
    let message = Message {
        message_id: row.try_get(0)?,
        exchange: row.try_get(1)?,
        routing_key: row.try_get(2)?,
        correlation_id: row.try_get(3)?,
        schema: row.try_get(4)?,
        version: u32::try_from(row.try_get::<i64, _>(5)?).unwrap_or(0),
        traceparent: row.try_get(6)?,
        timestamp: row.try_get(7)?,
        attempt: 0,
        body: row.try_get::<String, _>(8)?.into(),
    };
    Ok(Row { message, attempts: row.try_get::<i64, _>(9)? + 1 })
}

async fn settle(
    ports: &Ports,
    policy: &RelayPolicy,
    sent: &[String],
    failed: &[(String, i64)],
) -> Result<(), DatabaseError> {
    transact(ports, move |transaction| {
        async move {
            let now = transaction.now();
            for id in sent {
                sqlx::query("UPDATE outbox SET status = 'SENT', sent_at = $1 WHERE id = $2")
                    .bind(now.0)
                    .bind(id.clone())
                    .execute(transaction.sql())
                    .await?;
            }
            for (id, attempts) in failed {
                let attempt = u32::try_from(*attempts).unwrap_or(u32::MAX);
                let delay = policy.backoff.delay(attempt, &*ports.rng);
                sqlx::query(
                    "UPDATE outbox SET next_attempt_at = $1 WHERE id = $2 AND status = 'NEW'",
                )
                .bind((now + delay).0)
                .bind(id.clone())
                .execute(transaction.sql())
                .await?;
            }
            Ok(())
        }
        .scope_boxed()
    })
    .await
}
