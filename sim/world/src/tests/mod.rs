//! Worlds of a small service: `counter` counts in a table, over HTTP and from a queue.

mod amqp;
mod broker;
mod connector;
mod database;
mod determinism;
mod logs;
mod machine;
mod names;
mod network;
mod overlap;
mod process;
mod rest;
mod speed;
#[cfg(target_os = "linux")]
mod witness;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use scoped_futures::ScopedFutureExt as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx_core::sql_str::SqlStr;
use stormproof_broker::{Broker, QueueSpec};
use stormproof_messaging::transaction::transact;
use stormproof_ports::notify::Notify;
use stormproof_ports::story::Fact;
use stormproof_ports::worker::{Progress, Worker};
use stormproof_ports::{
    Answer, Call, CallError, DatabaseError, Message, Ports, Settle, Subscription,
};

use super::faults::{Fault, FaultKind, Target, When};
use super::{ServiceSpec, Spec, World, migrated, run};

const SECOND: Duration = Duration::from_secs(1);
const QUEUE: &str = "counter.queue";

/// One replica of `counter`, one user, and the given faults.
fn spec(seed: u64, faults: Vec<Fault>) -> Spec {
    let mut spec = Spec::new(seed);
    spec.broker = Broker::new();
    spec.broker.declare_queue(QueueSpec::named(QUEUE)).expect("it is new");
    spec.clients = vec!["user".into()];
    spec.alias = Some("count".into());
    let image = migrated("counter", || {
        let sql =
            SqlStr::from_static("CREATE TABLE counters (id TEXT PRIMARY KEY, n BIGINT NOT NULL)");
        let kind = MigrationType::Simple;
        Migrator::with_migrations(vec![Migration::new(1, "counters".into(), kind, sql, false)])
    });
    spec.services = vec![ServiceSpec::new("counter", image).serving(router, workers)];
    spec.faults = faults;
    spec
}

fn at(seconds: f64, fault: Fault) -> Fault {
    fault.when(When::At(Duration::from_secs_f64(seconds)))
}

fn during(from: f64, until: f64, fault: Fault) -> Fault {
    let (from, until) = (Duration::from_secs_f64(from), Duration::from_secs_f64(until));
    fault.when(When::During { from, until, times: 1 })
}

fn when(moment: &str, fault: Fault) -> Fault {
    let moment = moment.parse().expect("a moment");
    fault.when(When::Moment { moment, nth: 1 })
}

fn router(ports: &Ports) -> Router {
    let (adding, waiting) = (ports.clone(), ports.clone());
    Router::new()
        .route(
            "/add/{id}",
            post(async move |Path(id): Path<String>| -> Response {
                match add(&adding, &id).await {
                    Ok(n) => n.to_string().into_response(),
                    Err(error) => refused(&error).into_response(),
                }
            }),
        )
        .route(
            "/wait",
            post(async move || {
                waiting.clock.sleep(SECOND).await;
                add(&waiting, "waited")
                    .await
                    .map(|n| n.to_string())
                    .map_err(|error| refused(&error))
            }),
        )
}

/// Nothing happened, or it may have.
fn refused(error: &DatabaseError) -> StatusCode {
    match error {
        DatabaseError::Unknown(_) => StatusCode::INTERNAL_SERVER_ERROR,
        DatabaseError::Serialization | DatabaseError::Unavailable(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Adds one; the answer is the sum.
async fn add(ports: &Ports, id: &str) -> Result<i64, DatabaseError> {
    transact(ports, "add", |transaction| {
        async move {
            let n = sqlx::query_scalar(
                "INSERT INTO counters (id, n) VALUES ($1, 1) \
                 ON CONFLICT (id) DO UPDATE SET n = n + 1 RETURNING n",
            );
            let n: i64 = n.bind(id.to_owned()).fetch_one(transaction.sql()).await?;
            transaction.tell(Fact::new("counter", "ADDED", id, format!("counts to {n}")));
            Ok(n)
        }
        .scope_boxed()
    })
    .await
}

/// Consumes the queue: every message counts for its id, every time.
fn workers(ports: &Ports) -> Vec<Worker> {
    type Slot = Arc<async_lock::Mutex<Option<Box<dyn Subscription>>>>;
    let (ports, notify, slot) = (ports.clone(), Notify::default(), Slot::default());
    let its_notify = notify.clone();
    let worker = Worker::new("consumer", notify, move || {
        let (ports, notify, slot) = (ports.clone(), its_notify.clone(), slot.clone());
        Box::pin(async move {
            let mut slot = slot.lock().await;
            let step = async {
                if slot.is_none() {
                    *slot = Some(ports.queue.subscribe(QUEUE, 4, notify).await?);
                }
                let subscription = slot.as_mut().expect("just made");
                let Some(delivery) = subscription.take()? else { return Ok(Progress::Waiting) };
                if add(&ports, &delivery.message.message_id).await.is_ok() {
                    subscription.settle(delivery.tag, Settle::Ack).await?;
                }
                Ok::<_, stormproof_ports::QueueLost>(Progress::Worked)
            };
            match step.await {
                Ok(progress) => progress,
                Err(_) => {
                    *slot = None;
                    Progress::Idle(Some(ports.clock.now() + SECOND))
                }
            }
        })
    });
    vec![worker]
}

fn call(operation: &'static str, path: &str, timeout: Duration) -> Call {
    Call {
        to: "counter".into(),
        operation: operation.into(),
        method: Method::POST,
        path: path.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout,
    }
}

/// The user asks for one more.
async fn ask(world: &World, id: &str) -> Result<Answer, CallError> {
    ask_path(world, &format!("/add/{id}")).await
}

/// On a new connection, unless the ports are kept.
async fn ask_path(world: &World, path: &str) -> Result<Answer, CallError> {
    let ports = world.ports("user");
    let call = call("add", path, 5 * SECOND);
    let visit = world.spawn("user", async move { ports.http.call(call).await });
    visit.await.expect("nobody kills the user")
}

fn is_unknown(result: &Result<Answer, CallError>) -> bool {
    matches!(result, Err(CallError::Unknown(_)))
}

fn is_unavailable(result: &Result<Answer, CallError>) -> bool {
    matches!(result, Err(CallError::Unavailable(_)))
}

fn message(id: &str) -> Message {
    Message {
        exchange: String::new(),
        routing_key: QUEUE.to_owned(),
        message_id: id.to_owned(),
        correlation_id: id.to_owned(),
        schema: "count".to_owned(),
        version: 1,
        traceparent: String::new(),
        timestamp: 0,
        attempt: 0,
        body: Bytes::new(),
    }
}

/// The counter's value in its database.
fn count(world: &World, id: &str) -> i64 {
    let rows = world
        .database("counter-db")
        .peek("SELECT n FROM counters WHERE id = $1", &[id.into()])
        .expect("the database can be looked at");
    rows.first().map_or(0, |row| row[0].as_i64().expect("a BIGINT"))
}

fn seconds(world: &World) -> f64 {
    world.elapsed().as_secs_f64()
}

fn has_line(world: &World, words: &str) -> bool {
    world.history().story().lines.iter().any(|line| line.words.contains(words))
}
