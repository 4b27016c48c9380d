//! A scenario of the seeded world on real machines: processes of this very binary, Postgres and
//! RabbitMQ, on loopback. Same people, same phases, same judges; what fails them is kill, SIGSTOP, and
//! proxies between everybody.
//!
//! `real_cluster.rs` is what runs, `environment.rs` what phases and judges see of it; `fault_support.rs`
//! says which faults are supported, and how. What is asked for on the command line is the command's.

mod cluster;
mod environment;
mod fault_support;
mod faults;
mod final_state;
mod http_proxy;
mod layout;
mod link;
mod operations;
mod plan;
mod processes;
mod proxies;
mod queue_proxy;
mod quiescence;
mod real_cluster;
mod report;
mod sandbox;
pub mod smtp_sink;
mod state_poller;
mod story;
mod tcp_proxy;
mod time_scale;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stormproof_faults::outcome::{Broken, Outcome};
use stormproof_shop::judge::Judge;
use stormproof_shop::phases::{self, Played};
use stormproof_shop::scenario::{Action, Scenario};
use stormproof_shop::topology::STAFF;

use crate::config::Config;
use crate::signals::Stop;
use fault_support::Sorted;
pub use fault_support::list;
use plan::Plan;
use real_cluster::RealCluster;
pub use report::Report;
use sandbox::Sandbox;
use story::Story;
use time_scale::TimeScale;

/// What to rehearse, and where.
pub struct Rehearsal {
    pub scenario: Scenario,
    /// Of the services; where the servers of databases and messages are.
    pub config: Config,
    /// Scenario seconds in one of ours.
    pub pace: u32,
    /// How long nothing may change before a wait for rest is given up, in real time.
    pub patience: Duration,
    /// Where the log of every process is written.
    pub logs: Option<PathBuf>,
    /// Prints the story while it happens.
    pub aloud: bool,
}

impl Rehearsal {
    /// Starts the cluster, plays, judges, and takes everything down.
    ///
    /// # Errors
    /// Why it could not be run, or that `stop` ended it.
    pub async fn run(self, stop: &mut Stop) -> Result<Report, String> {
        let Rehearsal { scenario, config, pace, patience, logs, aloud } = self;
        let sorted = fault_support::sort(&scenario);
        let sandbox = Arc::new(Sandbox::plan(&config)?);
        let begun = Instant::now();
        let several = scenario.customers.iter().flat_map(|customer| &customer.script);
        let several = several.filter(|step| matches!(step.action, Action::Order(_))).count() > 1;
        let story = Story::new(TimeScale(pace), several, aloud, logs);
        let plan = Plan { scenario: &scenario, sorted: &sorted, scale: TimeScale(pace), patience };
        let played = play(&plan, &sandbox, Arc::new(story), stop).await;
        let left = sandbox.remove().await;
        let (outcome, last_line) = played?;
        left?;
        Ok(Report {
            outcome,
            last_line,
            pace,
            skipped: sorted.skipped,
            faults: scenario.faults.len(),
            supported: sorted.supported.len(),
            real_seconds: begun.elapsed().as_secs_f64(),
        })
    }
}

/// The rehearsal itself: what it came to, and its last line. A signal ends it early.
async fn play(
    plan: &Plan<'_>,
    sandbox: &Arc<Sandbox>,
    story: Arc<Story>,
    stop: &mut Stop,
) -> Result<(Outcome, String), String> {
    let judge = Judge::default();
    let start = async {
        sandbox.make().await?;
        RealCluster::start(plan, sandbox, &story, &judge).await
    };
    let stopped = || "it was stopped before its end".to_owned();
    let cluster = tokio::select! {
        biased;
        () = stop.asked() => return Err(stopped()),
        cluster = start => cluster?,
    };
    let scenario = judged(plan.scenario, plan.sorted);
    // On a task of its own: what panics in it must not keep the cluster from being stopped.
    let mut playing = tokio::spawn(act(cluster.clone(), scenario, judge));
    let played = tokio::select! {
        biased;
        () = stop.asked() => {
            playing.abort();
            Err(stopped())
        }
        played = &mut playing => played.map_err(|error| format!("it broke off: {error}")),
    };
    cluster.stop().await;
    played
}

/// Expectations are of what happens under all faults of the scenario.
fn judged(scenario: &Scenario, sorted: &Sorted) -> Scenario {
    let mut scenario = scenario.clone();
    if !sorted.skipped.is_empty() {
        scenario.expect = None;
    }
    scenario
}

async fn act(cluster: RealCluster, scenario: Scenario, judge: Judge) -> (Outcome, String) {
    let context = cluster.context(STAFF);
    let environment = Arc::new(cluster.clone());
    let Played { mut outcome, last_line } =
        phases::play(environment, &scenario, &judge, context).await;
    let at = cluster.0.story.storm_time().unwrap_or_default().as_secs_f64();
    outcome.broken.extend(cluster.0.cluster.accidents().into_iter().map(|what| Broken {
        invariant: "machines work".to_owned(),
        what,
        subject: None,
        at,
    }));
    outcome.virtual_seconds = at;
    outcome.story = cluster.0.story.told();
    (outcome, last_line)
}
