//! What only the end can tell, gathered from the services' own databases, the broker and the mail
//! server.

use std::collections::BTreeMap;

use stormproof_ports::sql::Value;
use stormproof_shop::environment::{Gathered, Observed as _, Outside};
use stormproof_shop::invariants::arrows;
use stormproof_shop::truth::final_state::{AlertSeen, DeadLetter, FinalState, SagaSeen};
use stormproof_shop::truth::rows::Id;
use stormproof_shop::truth::{Step, Told, Truth};
use stormproof_shop::{secrets, topology};
use stormproof_system::messages::DEAD;

use super::quiescence;
use super::real_cluster::RealCluster;
use super::state_poller::Rows;
use stormproof_bindings::dead_letters::DeadLetters as _;

/// Gathers; the whole run is one step, with every move that is written in `audit`.
pub async fn gather(cluster: &RealCluster, outside: Outside<'_>) -> Gathered {
    cluster.refreshed().await;
    let seen = cluster.0.state_poller.seen();
    let whole = whole(cluster).await;
    let restless = quiescence::restless(cluster, outside, &seen).await;
    let unread = seen.written.difference(&seen.handled).count();
    let mut final_state = FinalState {
        restless,
        mails: cluster.0.smtp_sink.mails().iter().filter_map(|mail| mail.seen()).collect(),
        in_flight: cluster.0.queue_proxies.waiting().await,
        messages: i64::try_from(seen.written.len()).expect("a rehearsal is small"),
        unsent: seen.unsent.into_iter().collect(),
        lost_commits: seen.lost,
        leaks: cluster.0.story.leaks(),
        ..FinalState::default()
    };
    look_at_broker(cluster, &mut final_state).await;
    // What is in no inbox is dead, or it is lost.
    let dead = final_state.dead.iter().filter(|letter| &*letter.order != "poison").count();
    final_state.in_flight += unread.saturating_sub(dead);
    look_at_store(cluster, &mut final_state).await;
    for database in topology::databases() {
        for row in read(cluster, &database, "SELECT order_id, kind FROM alerts").await {
            let (order, kind) = (text(&row[0]), text(&row[1]).to_string());
            final_state.alerts.push(AlertSeen { database: database.clone(), order, kind });
        }
    }
    look_for_leaks(cluster, &mut final_state).await;
    Gathered { final_state, whole: Some(whole) }
}

/// Nobody saw the commits one by one; but each move of a machine left a row.
async fn whole(cluster: &RealCluster) -> (Truth, Step) {
    let (truth, mut step) = Truth::come_to(&cluster.0.state_poller.seen().tables);
    step.at = cluster.elapsed();
    for database in topology::databases() {
        let sql = "SELECT noun, subject, from_state, to_state FROM audit ORDER BY at, id";
        let mut states: BTreeMap<(String, String), String> = BTreeMap::new();
        for row in read(cluster, &database, sql).await {
            let [noun, subject, from, to] = [0, 1, 2, 3].map(|at| text(&row[at]).to_string());
            let known = states.insert((noun.clone(), subject.clone()), to.clone());
            // Where a machine begins no row tells; elsewhere it goes on where it was.
            let told = (known.as_ref() != Some(&from)).then_some(from);
            for state in told.into_iter().chain([to]) {
                if let Some((noun, state)) = known_words(&noun, &state) {
                    step.facts.push(Told { noun, state, order: subject.clone() });
                }
            }
        }
    }
    (truth, step)
}

/// The words of a machine's state as the invariants know them; no others are asked for.
fn known_words(noun: &str, state: &str) -> Option<(&'static str, &'static str)> {
    arrows().into_iter().find_map(|(machine, from, to)| {
        let fits = [from, to].into_iter().find(|known| *known == state);
        (machine == noun).then_some(machine).zip(fits)
    })
}

async fn look_at_broker(cluster: &RealCluster, final_state: &mut FinalState) {
    match quiescence::depths(cluster).await {
        Ok(depths) => {
            final_state.queues = depths.into_iter().filter(|(_, depth)| *depth > 0).collect()
        }
        Err(why) => final_state.restless.push(why),
    }
    match cluster.0.sandbox.broker.list().await {
        Ok(dead) => {
            final_state.dead = dead
                .into_iter()
                .map(|letter| DeadLetter {
                    queue: letter.queue.strip_suffix(DEAD).unwrap_or(&letter.queue).to_owned(),
                    schema: letter.message.schema,
                    order: letter.message.correlation_id.as_str().into(),
                })
                .collect();
        }
        Err(error) => final_state.restless.push(error.to_string()),
    }
}

async fn look_at_store(cluster: &RealCluster, final_state: &mut FinalState) {
    let store = topology::database_of("store");
    for row in read(cluster, &store, "SELECT order_id, sku, quantity FROM order_lines").await {
        let quantity = row[2].as_i64().unwrap_or(0);
        let lines = final_state.lines.entry(text(&row[0])).or_default();
        *lines.entry(text(&row[1]).to_string()).or_default() += quantity;
    }
    for row in read(cluster, &store, "SELECT order_id, goal, stock, delivery FROM sagas").await {
        let [goal, stock, delivery] = [1, 2, 3].map(|at| text(&row[at]).to_string());
        final_state.sagas.insert(text(&row[0]), SagaSeen { goal, stock, delivery });
    }
}

/// Every text that leaves a service other than to the one it belongs to.
async fn look_for_leaks(cluster: &RealCluster, final_state: &mut FinalState) {
    let mut leaks = std::mem::take(&mut final_state.leaks);
    for mail in cluster.0.smtp_sink.mails() {
        leaks.extend(secrets::in_text("a mail", &mail.content));
    }
    for database in topology::databases() {
        for (table, sql) in secrets::TEXTS {
            for row in read(cluster, &database, sql).await {
                leaks.extend(secrets::in_text(&format!("{table} of {database}"), &text(&row[0])));
            }
        }
    }
    leaks.sort();
    leaks.dedup();
    final_state.leaks = leaks;
}

/// Nothing, if the database does not answer: then the run is restless and says so.
async fn read(cluster: &RealCluster, database: &str, sql: &str) -> Rows {
    match cluster.0.state_poller.ask(database, sql).await {
        Ok(rows) => rows,
        Err(error) => {
            cluster.0.cluster.note(format!("{database} cannot be read: {error}"));
            Rows::new()
        }
    }
}

fn text(value: &Value) -> Id {
    value.as_str().unwrap_or_default().into()
}
