//! What only the end can tell, gathered from the services' own databases, the broker and the mail
//! server.

use std::collections::BTreeMap;

use stormproof_bindings::dead_letters::DeadLetters as _;
use stormproof_shop::environment::{Gathered, Observed as _, Outside};
use stormproof_shop::invariants::arrows;
use stormproof_shop::topology::{self, POISON};
use stormproof_shop::truth::final_state::{DeadLetter, FinalState};
use stormproof_shop::truth::inspection::{self, Inspect as _, text};
use stormproof_shop::truth::{Step, Told, Truth};

use super::quiescence::{self, Look};
use super::real_cluster::RealCluster;

/// Gathers; the whole run is one step, with every move that is written in `audit`.
pub async fn gather(cluster: &RealCluster, outside: Outside<'_>) -> Gathered {
    cluster.refreshed().await;
    let snapshot = cluster.0.state_poller.seen();
    let look = Look { cluster, seen: &snapshot };
    let whole = whole(&look).await;
    let mut seen = FinalState {
        mails: cluster.0.smtp_sink.mails().iter().filter_map(|mail| mail.seen()).collect(),
        in_flight: cluster.0.queue_proxies.waiting().await,
        lost_commits: snapshot.lost.clone(),
        ..FinalState::default()
    };
    look_at_broker(cluster, &mut seen).await;
    // What is in no inbox is dead, or it is lost.
    let unread = snapshot.written.difference(&snapshot.handled).count();
    let dead = seen.dead.iter().filter(|letter| &*letter.order != POISON).count();
    seen.in_flight += unread.saturating_sub(dead);
    let final_state = inspection::gather(&look, outside, seen).await;
    Gathered { final_state, whole: Some(whole) }
}

/// Nobody saw the commits one by one; but each move of a machine left a row.
async fn whole(look: &Look<'_>) -> (Truth, Step) {
    let (truth, mut step) = Truth::come_to(&look.seen.tables);
    step.at = look.cluster.elapsed();
    for database in topology::databases() {
        let sql = "SELECT noun, subject, from_state, to_state FROM audit ORDER BY at, id";
        let mut states: BTreeMap<(String, String), String> = BTreeMap::new();
        for row in look.rows(&database, sql).await.unwrap_or_default() {
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
            let dead = dead.iter().map(|letter| DeadLetter::of(&letter.queue, &letter.message));
            final_state.dead = dead.collect();
        }
        Err(error) => final_state.restless.push(error.to_string()),
    }
}
