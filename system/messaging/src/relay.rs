//! The relay: publishes what the outbox holds, and marks what was confirmed.
//!
//! It has what this replica has just committed at hand. The database it asks at its start, when its next row
//! is due, and when it has been idle for long: for what is to be tried again, what another replica has left
//! behind, and what was committed without its author's learning it. It selects by status, never by "id
//! greater than the last one seen": commits are not ordered by id.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use scoped_futures::ScopedFutureExt;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use stormproof_ports::retry::Backoff;
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};
use stormproof_ports::{DatabaseError, Message, Ports, PublishError, story};

use crate::rows::{ByIds, IDS_MAX};
use crate::transaction::{Transaction, transact};

static MARK_SENT: ByIds =
    ByIds::new("UPDATE outbox SET status = 'SENT', sent_at = $1 WHERE id IN ({})", 2);

/// The longest name that AMQP has room for, in bytes.
const NAME_MAX: usize = 255;

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

/// What an application has to say of rows of the outbox that cannot be sent as they are: those are set
/// aside, and stop none of the others.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The exchanges that there are; a message to another would cost the connection. Empty: all that are
    /// named.
    pub exchanges: &'static [&'static str],
    /// Hears of a row, by what it belongs to, and why, in the transaction that sets it aside.
    pub unreadable: for<'a> fn(
        &'a mut Transaction<'_>,
        &'a str,
        &'a str,
    ) -> BoxFuture<'a, Result<(), DatabaseError>>,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch { exchanges: &[], unreadable: |_, _, _| Box::pin(async { Ok(()) }) }
    }
}

/// The worker that empties the outbox.
pub fn relay(ports: &Ports, policy: RelayPolicy) -> Worker {
    watched_relay(ports, policy, Watch::default())
}

/// The same, for an application that wants to hear of rows that cannot be sent.
pub fn watched_relay(ports: &Ports, policy: RelayPolicy, watch: Watch) -> Worker {
    let notify = ports.outgoing.notify().clone();
    let ports = ports.clone();
    let relay = Arc::new(Relay { ports, policy, watch, state: Mutex::default() });
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
    watch: Watch,
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
            let claimed = claim(ports, policy, self.watch).await?;
            state.look = Look { last: Some(now), next: claimed.next_due };
            // If any was due, the next look says what is left, and for how long there is time.
            full = !claimed.due.is_empty() || claimed.set_aside > 0;
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
    /// How many were due and cannot be sent.
    set_aside: usize,
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
async fn claim(
    ports: &Ports,
    policy: &RelayPolicy,
    watch: Watch,
) -> Result<Claimed, DatabaseError> {
    transact(ports, "relay_claim", move |transaction| {
        async move {
            let now = transaction.now();
            let next_due: Option<i64> = sqlx::query_scalar(
                "SELECT next_attempt_at FROM outbox WHERE status = 'NEW' \
                 ORDER BY next_attempt_at LIMIT 1",
            )
            .fetch_optional(transaction.sql())
            .await?;
            // Those that are set aside are not due at all.
            let next_due = next_due.filter(|at| *at < i64::MAX).map(Time);
            if next_due.is_none_or(|at| now < at) {
                return Ok(Claimed { due: Vec::new(), next_due, set_aside: 0 });
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
            let (mut due, mut set_aside) = (Vec::new(), 0);
            for row in &rows {
                match read(row, watch) {
                    Ok(row) => due.push(row),
                    Err(why) => {
                        set_row_aside(transaction, row, &why, watch).await?;
                        set_aside += 1;
                    }
                }
            }
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
            Ok(Claimed { due: claimed, next_due, set_aside })
        }
        .scope_boxed()
    })
    .await
}

/// Errors: why it cannot be sent.
fn read(row: &AnyRow, watch: Watch) -> Result<Row, String> {
    let text = |index: usize| row.try_get::<String, _>(index).map_err(|error| error.to_string());
    let number = |index: usize| row.try_get::<i64, _>(index).map_err(|error| error.to_string());
    let version = number(5)?;
    let message = Message {
        message_id: text(0)?,
        exchange: text(1)?,
        routing_key: text(2)?,
        correlation_id: text(3)?,
        schema: text(4)?,
        version: u32::try_from(version).map_err(|_| format!("version {version} is none"))?,
        traceparent: text(6)?,
        timestamp: number(7)?,
        attempt: 0,
        body: text(8)?.into(),
    };
    let Message { exchange, routing_key, correlation_id, schema, message_id, .. } = &message;
    if !watch.exchanges.is_empty() && !watch.exchanges.contains(&exchange.as_str()) {
        return Err(format!("there is no exchange {exchange:?}"));
    }
    for name in [exchange, routing_key, correlation_id, schema, message_id] {
        if name.len() > NAME_MAX || name.contains('\0') {
            return Err(format!("{name:.20?} is no name that a broker takes"));
        }
    }
    let attempts = number(9)?;
    let attempts = attempts.checked_add(1).filter(|attempts| *attempts > 0);
    Ok(Row { message, attempts: attempts.ok_or("its attempts are out of range")? })
}

/// What cannot be sent is due no more, and all else of it stays as it is.
async fn set_row_aside(
    transaction: &mut Transaction<'_>,
    row: &AnyRow,
    why: &str,
    watch: Watch,
) -> Result<(), DatabaseError> {
    let id: String = row.try_get(0)?;
    tracing::warn!(target: "relay", id, why, "a row of the outbox cannot be sent, and is set aside");
    sqlx::query("UPDATE outbox SET next_attempt_at = $1 WHERE id = $2 AND status = 'NEW'")
        .bind(i64::MAX)
        .bind(id.clone())
        .execute(transaction.sql())
        .await?;
    let subject = row.try_get::<String, _>(3).unwrap_or_default();
    (watch.unreadable)(transaction, &subject, &format!("message {id}: {why}")).await
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
