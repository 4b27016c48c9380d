//! The relay: publishes what the outbox holds, and marks what was confirmed.
//!
//! It has what this replica has just committed at hand. The database it asks at its start, when its next row
//! is due, and when it has been idle for long: for what is to be tried again, what another replica has left
//! behind, and what was committed without its author's learning it. It selects by status, never by "id
//! greater than the last one seen": commits are not ordered by id.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use scoped_futures::ScopedFutureExt;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use stormproof_ports::retry::Backoff;
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};
use stormproof_ports::{DatabaseError, Message, Ports, PublishError, story};

use crate::rows::{ByIds, IDS_MAX};
use crate::transaction::transact;

static MARK_SENT: ByIds =
    ByIds::new("UPDATE outbox SET status = 'SENT', sent_at = $1 WHERE id IN ({})", 2);

/// How the outbox is emptied.
#[derive(Clone, Debug)]
pub struct RelayPolicy {
    /// Rows claimed at once.
    pub batch: i64,
    /// A claimed row is another relay's after this time.
    pub claim: Duration,
    /// The wait after a publish that was not confirmed; its base after a failure of the database.
    pub backoff: Backoff,
    /// How long a row that was confirmed waits to be marked together with others. It is this relay's
    /// anyway for as long as its claim lasts; should its replica die meanwhile, it is sent twice.
    pub settle_after: Duration,
}

impl Default for RelayPolicy {
    fn default() -> RelayPolicy {
        RelayPolicy {
            batch: 64,
            claim: Duration::from_secs(10),
            backoff: Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(10) },
            settle_after: Duration::from_millis(200),
        }
    }
}

/// The worker that empties the outbox.
pub fn relay(ports: &Ports, policy: RelayPolicy) -> Worker {
    let notify = ports.outgoing.notify().clone();
    let ports = ports.clone();
    let relay = Arc::new(Relay { ports, policy, state: Mutex::default() });
    let leaving = relay.clone();
    let worker = Worker::new("relay", notify, move || {
        let relay = relay.clone();
        Box::pin(async move {
            match relay.step().await {
                Ok(progress) => progress,
                Err(error) => Progress::Failed {
                    why: error.to_string(),
                    retry_at: relay.ports.clock.now() + relay.policy.backoff.base,
                },
            }
        })
    });
    let hand_over = move || {
        let relay = leaving.clone();
        Box::pin(async move { relay.hand_over().await.map_err(|error| error.to_string()) }) as _
    };
    worker.with_hand_over(hand_over).ending_last()
}

struct Relay {
    ports: Ports,
    policy: RelayPolicy,
    state: Mutex<State>,
}

/// What it knows from one step to the next.
#[derive(Default)]
struct State {
    look: Look,
    /// The ids of rows that were confirmed and are not marked yet.
    confirmed: Vec<String>,
    /// When they are to be marked.
    settle_at: Option<Time>,
}

/// When the database was asked last, and when it has to be asked next.
#[derive(Clone, Copy, Default)]
struct Look {
    last: Option<Time>,
    next: Option<Time>,
}

impl Look {
    /// Whether it is time. A clock that has jumped back says nothing about what was due by it.
    fn is_due(&self, now: Time) -> bool {
        match (self.last, self.next) {
            (Some(last), Some(next)) => now < last || next <= now,
            _ => true,
        }
    }
}

impl Relay {
    /// Takes what is at hand and what is due, publishes it, marks what was confirmed. One step at a time.
    async fn step(&self) -> Result<Progress, DatabaseError> {
        let mut state = std::mem::take(&mut *self.state());
        let progress = self.step_from(&mut state).await;
        *self.state() = state;
        progress
    }

    async fn step_from(&self, state: &mut State) -> Result<Progress, DatabaseError> {
        let Relay { ports, policy, .. } = self;
        ports.outgoing.open(policy.claim);
        let now = ports.clock.now();
        let batch = usize::try_from(policy.batch).unwrap_or(usize::MAX);
        let mut due = Vec::new();
        let mut full = false;
        if state.look.is_due(now) {
            let claimed = claim(ports, policy).await?;
            state.look = Look { last: Some(now), next: claimed.next_due };
            // If any was due, the next look says what is left, and for how long there is time.
            full = !claimed.due.is_empty();
            due = claimed.due;
        }
        // Only now: what was handed over would be lost here if the database did not answer.
        let handed_over = ports.outgoing.take(batch);
        full |= handed_over.len() == batch;
        due.extend(handed_over.into_iter().map(|message| Row { message, attempts: 1 }));
        // What was written first leaves first.
        due.sort_by(|one, other| one.message.message_id.cmp(&other.message.message_id));
        let failed = publish(ports, due, &mut state.confirmed).await;
        let now = ports.clock.now();
        if state.settle_at.is_none() && !state.confirmed.is_empty() {
            state.settle_at = Some(now + policy.settle_after);
        }
        let is_time = state.settle_at.is_some_and(|at| at <= now);
        if is_time || !failed.is_empty() || state.confirmed.len() >= IDS_MAX {
            let retry = settle(ports, policy, &state.confirmed, &failed).await?;
            state.confirmed.clear();
            state.settle_at = None;
            state.look.next = state.look.next.into_iter().chain(retry).min();
        }
        match full {
            true => Ok(Progress::Worked),
            false => Ok(Progress::Idle(state.look.next.into_iter().chain(state.settle_at).min())),
        }
    }

    /// Sends what is at hand, which is this replica's for a while, and marks all that is not marked yet.
    async fn hand_over(&self) -> Result<(), DatabaseError> {
        let Relay { ports, policy, .. } = self;
        let mut confirmed = std::mem::take(&mut *self.state()).confirmed;
        let mut failed = Vec::new();
        let batch = usize::try_from(policy.batch).unwrap_or(usize::MAX);
        loop {
            let due = ports.outgoing.take(batch);
            if due.is_empty() {
                break;
            }
            let due = due.into_iter().map(|message| Row { message, attempts: 1 }).collect();
            failed.extend(publish(ports, due, &mut confirmed).await);
        }
        if !confirmed.is_empty() || !failed.is_empty() {
            settle(ports, policy, &confirmed, &failed).await?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes rows. The ids of those that were confirmed are added to `confirmed`; the others, each with its
/// attempts.
async fn publish(ports: &Ports, due: Vec<Row>, confirmed: &mut Vec<String>) -> Vec<(String, i64)> {
    let results = join_all(due.iter().map(|row| ports.queue.publish(row.message.clone()))).await;
    let mut failed = Vec::new();
    for (row, result) in due.into_iter().zip(results) {
        match result {
            Ok(()) => confirmed.push(row.message.message_id),
            Err(error) => {
                if let PublishError::Returned(_) = error {
                    let words = format!("{}: {error}", row.message.schema);
                    story::say(&row.message.correlation_id, &words);
                }
                failed.push((row.message.message_id, row.attempts));
            }
        }
    }
    failed
}

/// Rows that this relay publishes now.
struct Claimed {
    due: Vec<Row>,
    /// When the first row was due, before these were claimed. What is claimed here is due again when
    /// the claim ends, if its settling fails.
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
///
/// Most looks find nothing that is due: the first statement is all that they need.
async fn claim(ports: &Ports, policy: &RelayPolicy) -> Result<Claimed, DatabaseError> {
    transact(ports, "relay_claim", move |transaction| {
        async move {
            let now = transaction.now();
            let next_due: Option<i64> = sqlx::query_scalar(
                "SELECT next_attempt_at FROM outbox WHERE status = 'NEW' \
                 ORDER BY next_attempt_at LIMIT 1",
            )
            .fetch_optional(transaction.sql())
            .await?;
            let next_due = next_due.map(Time);
            if next_due.is_none_or(|at| now < at) {
                return Ok(Claimed { due: Vec::new(), next_due });
            }
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
            let due = rows.iter().map(read).collect::<Result<Vec<_>, DatabaseError>>()?;
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
            Ok(Claimed { due: claimed, next_due })
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
) -> Result<Option<Time>, DatabaseError> {
    transact(ports, "relay_settle", move |transaction| {
        async move {
            let now = transaction.now();
            for ids in sent.chunks(IDS_MAX) {
                let (text, size) = MARK_SENT.text(ids.len());
                let filled = ids.iter().chain(std::iter::repeat(&ids[0])).take(size);
                let query = sqlx::query(text).bind(now.0);
                let query = filled.fold(query, |query, id| query.bind(id.clone()));
                query.execute(transaction.sql()).await?;
            }
            let mut retry: Option<Time> = None;
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
                retry = retry.into_iter().chain([now + delay]).min();
            }
            Ok(retry)
        }
        .scope_boxed()
    })
    .await
}
