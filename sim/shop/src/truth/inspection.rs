//! A run looked into from behind: whether anything still moves, and what only the end can tell.
//!
//! The rules and the SQL stand here, once; an environment answers, each in its own way. The seeded
//! world is one, real machines are another.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use stormproof_ports::sql::Value;
use stormproof_ports::time::Time;
use stormproof_system::messages::DeliveryRequest;

use super::books::Books;
use super::final_state::{AlertSeen, FinalState, SagaSeen};
use super::reading::Rows;
use super::rows::Id;
use crate::environment::Outside;
use crate::{secrets, topology};

/// Messages of an outbox that no broker has confirmed.
const UNSENT: &str = "SELECT count(*) FROM outbox WHERE status = 'NEW'";

/// Messages that were ever written into an outbox and are still there.
const WRITTEN: &str = "SELECT count(*) FROM outbox";

/// The oldest row of each table whose rows are forgotten in time.
const OLDEST: &str = "SELECT (SELECT min(sent_at) FROM outbox WHERE status = 'SENT'), \
     (SELECT min(received_at) FROM inbox), (SELECT min(at) FROM audit), \
     (SELECT min(raised_at) FROM alerts)";
const OLDEST_OF: [&str; 4] = ["outbox", "inbox", "audit", "alerts"];
const OLDEST_KEY: &str = "SELECT min(created_at) FROM idempotency";

/// Of what an outbox has many of an hour, by subject and kind.
const MANY: &str = "SELECT correlation_id, routing_key, count(*) FROM outbox \
     GROUP BY correlation_id, routing_key, created_at / 3600000000 HAVING count(*) > 10";
const MANY_ROWS: i64 = 50;

const ALERTS: &str = "SELECT id, order_id, kind, cause FROM alerts";
const ORDER_LINES: &str = "SELECT order_id, sku, quantity, price FROM order_lines";
const REQUESTS: &str = "SELECT order_id, request FROM parcels WHERE request IS NOT NULL";
const SAGAS: &str = "SELECT id, goal, stock, delivery FROM orders";

/// An environment that can be looked into, past the services, whatever is down in it. (What the
/// mirror reads must always be there: that is [`Peek`](super::reading::Peek).)
pub trait Inspect: Sync {
    /// The rows of a query of one database; `None` of one that does not answer.
    fn rows<'a>(&'a self, database: &'a str, sql: &'static str) -> BoxFuture<'a, Option<Rows>>;

    /// Outbox rows that were not sent, by database; `None` of one that does not answer.
    fn unsent(&self) -> BoxFuture<'_, BTreeMap<String, Option<i64>>> {
        Box::pin(async {
            let mut unsent = BTreeMap::new();
            for database in topology::databases() {
                let count = self.rows(&database, UNSENT).await.map(|rows| number(&rows));
                unsent.insert(database, count);
            }
            unsent
        })
    }

    /// How many messages no consumer has done with, wherever they are.
    ///
    /// # Errors
    /// Why nobody can tell.
    fn messages(&self) -> BoxFuture<'_, Result<usize, String>>;

    /// Why the databases cannot be seen, if so.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// The secrets in texts that only the environment has: its story, its logs or trace, its mails.
    fn leaks(&self) -> Vec<String>;
}

/// What still moves, in words; empty at rest. The broker is asked last, and only if nothing else
/// moves.
pub async fn restless(environment: &impl Inspect, outside: Outside<'_>) -> Vec<String> {
    let mut moving = outside().moving;
    if !moving.is_empty() {
        return moving;
    }
    if let Some(why) = environment.trouble() {
        moving.push(format!("the databases cannot be seen: {why}"));
    }
    for (database, unsent) in environment.unsent().await {
        match unsent {
            Some(0) => {}
            Some(count) => {
                moving.push(format!("{count} messages wait in the outbox of {database}"));
            }
            None => moving.push(format!("{database} is down")),
        }
    }
    if moving.is_empty() {
        match environment.messages().await {
            Ok(0) => {}
            Ok(count) => moving.push(format!("{count} messages are on their way")),
            Err(why) => moving.push(format!("the broker cannot be asked: {why}")),
        }
    }
    moving
}

/// The end of a run: `seen`, which holds what an environment alone can tell (mails, queues, dead
/// letters, lost commits), and what the services' databases and all texts tell besides.
pub async fn gather(
    environment: &impl Inspect,
    outside: Outside<'_>,
    seen: FinalState,
) -> FinalState {
    let mut restless = restless(environment, outside).await;
    restless.extend(seen.restless);
    let unsent = environment.unsent().await;
    let unsent = unsent.into_iter().map(|(name, count)| (name, count.unwrap_or(0))).collect();
    let mut final_state = FinalState { restless, unsent, ..seen };
    look_at_store(environment, &mut final_state).await;
    look_at_carrier(environment, &mut final_state).await;
    final_state.leaks = environment.leaks();
    for database in topology::databases() {
        look_at(environment, &database, &mut final_state).await;
    }
    final_state.leaks.sort();
    final_state.leaks.dedup();
    final_state
}

/// What the Store's own books say of its orders.
async fn look_at_store(environment: &impl Inspect, final_state: &mut FinalState) {
    let store = topology::database_of("store");
    for row in rows(environment, &store, ORDER_LINES, final_state).await {
        let [quantity, price] = [2, 3].map(|at| row[at].as_i64().unwrap_or(0));
        let (order, sku) = (text(&row[0]), text(&row[1]).to_string());
        final_state.prices.entry(order.clone()).or_default().insert(sku.clone(), price);
        *final_state.lines.entry(order).or_default().entry(sku).or_default() += quantity;
    }
    for row in rows(environment, &store, SAGAS, final_state).await {
        let [goal, stock, delivery] = [1, 2, 3].map(|at| text(&row[at]).to_string());
        final_state.sagas.insert(text(&row[0]), SagaSeen { goal, stock, delivery });
    }
}

/// What DeliveryCo was asked to fetch. What is no request has nothing in it.
async fn look_at_carrier(environment: &impl Inspect, final_state: &mut FinalState) {
    let delivery = topology::database_of("delivery");
    for row in rows(environment, &delivery, REQUESTS, final_state).await {
        let goods = final_state.consignments.entry(text(&row[0])).or_default();
        let request = serde_json::from_str::<DeliveryRequest>(&text(&row[1]));
        for line in request.into_iter().flat_map(|request| request.lines) {
            *goods.entry((line.product_id, line.warehouse)).or_default() += line.quantity;
        }
    }
}

/// What every service has: alerts, an outbox, and texts in which no secret may be.
async fn look_at(environment: &impl Inspect, database: &str, final_state: &mut FinalState) {
    for row in rows(environment, database, ALERTS, final_state).await {
        let [id, kind, cause] = [0, 2, 3].map(|at| text(&row[at]).to_string());
        let (database, order) = (database.to_owned(), text(&row[1]));
        final_state.alerts.push(AlertSeen { database, id, order, kind, cause });
    }
    let mut ages = vec![(OLDEST, &OLDEST_OF[..])];
    if database == topology::database_of("store") {
        ages.push((OLDEST_KEY, &["idempotency"]));
    }
    for (sql, tables) in ages {
        for row in rows(environment, database, sql, final_state).await {
            let known =
                tables.iter().zip(&row).filter_map(|(table, at)| Some((*table, at.as_i64()?)));
            let known = known.map(|(table, at)| ((database.to_owned(), table), Time(at)));
            final_state.oldest.extend(known);
        }
    }
    let mut written = 0;
    for row in rows(environment, database, WRITTEN, final_state).await {
        written += number(&[row]);
    }
    final_state.messages += written;
    // Where there are few of all, there are few of each.
    let many = if written < MANY_ROWS {
        Rows::default()
    } else {
        rows(environment, database, MANY, final_state).await
    };
    for row in many {
        let key = (text(&row[0]), text(&row[1]).to_string());
        let most = final_state.most_messages.entry(key).or_default();
        *most = (*most).max(row[2].as_i64().unwrap_or(0));
    }
    Books::read(environment, database, final_state).await;
    for (table, sql) in secrets::TEXTS {
        let place = format!("{table} of {database}");
        for row in rows(environment, database, sql, final_state).await {
            final_state.leaks.extend(secrets::in_text(&place, &text(&row[0])));
        }
    }
}

/// What a database answers. One that does not has nothing of which anybody could say that it lasts.
pub(super) async fn rows(
    environment: &impl Inspect,
    database: &str,
    sql: &'static str,
    final_state: &mut FinalState,
) -> Rows {
    let rows = environment.rows(database, sql).await;
    rows.unwrap_or_else(|| {
        final_state.lost_commits.push(format!("{database} has no answer to {sql}"));
        Rows::default()
    })
}

/// The one number that a query answers.
fn number(rows: &[Vec<Value>]) -> i64 {
    rows[0][0].as_i64().expect("a count is an integer")
}

/// A text, or nothing where there is none.
pub fn text(value: &Value) -> Id {
    value.as_str().unwrap_or_default().into()
}
