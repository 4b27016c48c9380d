//! Whether a rehearsal is at rest: nobody has anything to do, no order is open, no parcel travels, no
//! message is on its way.
//!
//! What a broker does not tell is whether a consumer still works on what it holds; so each message
//! that was written into an outbox has to be in its consumer's inbox, or dead.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use stormproof_shop::operators::dead_letter_queues;
use stormproof_shop::secrets;
use stormproof_shop::truth::inspection::{Inspect, restless};
use stormproof_shop::truth::reading::Rows;
use stormproof_system::messages::DEAD;
use stormproof_system::topology;
use tokio::time::{Instant, sleep};

use super::real_cluster::RealCluster;
use super::state_poller::Snapshot;
use stormproof_bindings::dead_letters::DeadLetters as _;
use stormproof_shop::environment::{Observed as _, Outside};

/// How often a fact is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Waits until all is at rest at two looks in a row, with nothing changed in between; `bound` in real
/// time. After the storm it gives up earlier, if nothing changes for as long as the plan has patience.
pub async fn rest(
    cluster: &RealCluster,
    outside: Outside<'_>,
    bound: Duration,
) -> Option<Duration> {
    let end = Instant::now() + bound;
    let mut before: Option<Snapshot> = None;
    let (mut changed_at, mut commits) = (Instant::now(), 0);
    loop {
        cluster.refreshed().await;
        let seen = cluster.0.state_poller.seen();
        let look = Look { cluster, seen: &seen };
        let rests = restless(&look, outside).await.is_empty();
        if rests && before.as_ref() == Some(&seen) {
            return Some(cluster.elapsed());
        }
        before = rests.then_some(seen);
        let now = outside().commits;
        if now != commits {
            (changed_at, commits) = (Instant::now(), now);
        }
        // In the storm it waits for what the scenario has planned.
        let gives_up =
            cluster.0.faults.injector().is_over() && changed_at.elapsed() > cluster.0.patience;
        if Instant::now() >= end || gives_up {
            return None;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The cluster next to what one look saw of its databases.
pub struct Look<'a> {
    pub cluster: &'a RealCluster,
    pub seen: &'a Snapshot,
}

impl Inspect for Look<'_> {
    /// None, if the database does not answer: that is noted, and fails the rehearsal.
    fn rows<'a>(&'a self, database: &'a str, sql: &'static str) -> BoxFuture<'a, Option<Rows>> {
        Box::pin(async move {
            match self.cluster.0.state_poller.ask(database, sql).await {
                Ok(rows) => Some(rows),
                Err(error) => {
                    self.cluster.0.cluster.note(format!("{database} cannot be read: {error}"));
                    None
                }
            }
        })
    }

    /// As the look saw it: nobody asks the databases again and again.
    fn unsent(&self) -> BoxFuture<'_, BTreeMap<String, Option<i64>>> {
        let unsent = self.seen.unsent.iter();
        Box::pin(ready(unsent.map(|(name, count)| (name.clone(), Some(*count))).collect()))
    }

    fn messages(&self) -> BoxFuture<'_, Result<usize, String>> {
        Box::pin(self.waiting())
    }

    fn trouble(&self) -> Option<String> {
        self.seen.trouble.clone()
    }

    fn leaks(&self) -> Vec<String> {
        let mut leaks = self.cluster.0.story.leaks();
        for mail in self.cluster.0.smtp_sink.mails() {
            leaks.extend(secrets::in_text("a mail", &mail.content));
        }
        leaks
    }
}

impl Look<'_> {
    /// How many messages no consumer has done with.
    async fn waiting(&self) -> Result<usize, String> {
        let Look { cluster, seen } = self;
        let broker = &cluster.0.sandbox.broker;
        let mut open = seen.written.difference(&seen.handled).peekable();
        let unread = if open.peek().is_some() {
            let dead = broker.list().await.map_err(|error| error.to_string())?;
            let is_dead = |id: &&String| dead.iter().any(|it| it.message.message_id == **id);
            open.filter(|id| !is_dead(id)).count()
        } else {
            0
        };
        let ready: usize = depths(cluster).await?.into_iter().map(|(_, depth)| depth).sum();
        Ok(unread + ready + cluster.0.queue_proxies.waiting().await)
    }
}

/// Every queue but those of dead letters, with how many messages are ready in it.
///
/// # Errors
/// If the broker cannot be asked, or a queue is neither for work nor for dead letters.
pub async fn depths(cluster: &RealCluster) -> Result<Vec<(String, usize)>, String> {
    let topology = topology::of_shop();
    let names = topology.queues.iter().map(|spec| spec.name.as_str());
    let names: Vec<&str> = names.filter(|name| !name.ends_with(DEAD)).collect();
    let (known, dead) = (topology.queues.len(), dead_letter_queues().count());
    if names.len() + dead != known {
        let work = names.len();
        return Err(format!("of {known} queues {work} are for work and {dead} for dead letters"));
    }
    let depths = cluster.0.sandbox.broker.depths(&names).await;
    let depths = depths.map_err(|error| error.to_string())?;
    Ok(names.into_iter().map(str::to_owned).zip(depths).collect())
}
