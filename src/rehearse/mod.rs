//! A scenario of the seeded world on real machines: processes of this very binary, Postgres and
//! RabbitMQ, on loopback. Same people, same phases, same judges; what fails them is kill, SIGSTOP, and
//! proxies between everybody.
//!
//! `stage.rs` is the scene that is set; `carriage.rs` says which faults are carried and how. What is
//! asked for on the command line is the command's.

mod arms;
mod calls;
mod carriage;
mod detours;
mod doors;
mod mails;
mod mirror;
mod operations;
mod pace;
mod processes;
mod reckoning;
mod report;
mod rest;
mod scratch;
mod stage;
mod story;
mod troupe;
mod way;
mod wire;
mod wiring;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stormproof_sim::outcome::{Broken, Outcome};
use stormproof_sim::shop::judge::Judge;
use stormproof_sim::shop::map::STAFF;
use stormproof_sim::shop::phases;
use stormproof_sim::shop::scenario::{Action, Scenario};
use stormproof_sim::shop::scene::Scene;

use crate::config::Config;
use crate::signals::Stop;
use carriage::Sorted;
pub use carriage::list;
use pace::Pace;
pub use report::Report;
use scratch::Scratch;
use stage::{Plan, Stage};
use story::Story;

/// What to rehearse, and where.
pub struct Rehearsal {
    pub scenario: Scenario,
    /// Of the services; where the servers of databases and messages are.
    pub config: Config,
    /// Scenario seconds in one of ours.
    pub pace: u32,
    /// How long it may stand still before the run is given up, in scenario time.
    pub patience: Duration,
    /// Where the log of every process is written.
    pub logs: Option<PathBuf>,
    /// Prints the story while it happens.
    pub aloud: bool,
}

impl Rehearsal {
    /// Sets the stage, plays, judges, and takes everything down.
    ///
    /// # Errors
    /// Why it could not be run, or that `stop` ended it.
    pub async fn run(self, stop: &mut Stop) -> Result<Report, String> {
        let Rehearsal { scenario, config, pace, patience, logs, aloud } = self;
        let sorted = carriage::sort(&scenario);
        let scratch = Arc::new(Scratch::plan(&config)?);
        let begun = Instant::now();
        let several = scenario.customers.iter().flat_map(|customer| &customer.script);
        let several = several.filter(|step| matches!(step.action, Action::Order(_))).count() > 1;
        let story = Story::new(Pace(pace), several, aloud, logs);
        let plan = Plan { scenario: &scenario, sorted: &sorted, pace: Pace(pace), patience };
        let played = play(&plan, &scratch, Arc::new(story), stop).await;
        let left = scratch.remove().await;
        let (outcome, last_line) = played?;
        left?;
        Ok(Report {
            outcome,
            last_line,
            pace,
            skipped: sorted.skipped,
            faults: scenario.faults.len(),
            carried: sorted.carried.len(),
            real_seconds: begun.elapsed().as_secs_f64(),
        })
    }
}

/// The rehearsal itself: what it came to, and its last line. A signal ends it early.
async fn play(
    plan: &Plan<'_>,
    scratch: &Arc<Scratch>,
    story: Arc<Story>,
    stop: &mut Stop,
) -> Result<(Outcome, String), String> {
    let judge = Judge::default();
    let set = async {
        scratch.make().await?;
        Stage::set(plan, scratch, &story, &judge).await
    };
    let stopped = || "it was stopped before its end".to_owned();
    let stage = tokio::select! {
        biased;
        () = stop.asked() => return Err(stopped()),
        stage = set => stage?,
    };
    let scenario = judged(plan.scenario, plan.sorted);
    // On a task of its own: what panics in it must not keep the stage from being cleared.
    let mut playing = tokio::spawn(act(stage.clone(), scenario, judge));
    let played = tokio::select! {
        biased;
        () = stop.asked() => {
            playing.abort();
            Err(stopped())
        }
        played = &mut playing => played.map_err(|error| format!("it broke off: {error}")),
    };
    stage.clear().await;
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

async fn act(stage: Stage, scenario: Scenario, judge: Judge) -> (Outcome, String) {
    let scene: Arc<dyn Scene> = Arc::new(stage.clone());
    let ports = stage.ports(STAFF);
    let reckoning = phases::live(&scene, &scenario, &judge, ports).await;
    phases::reckon_all(&stage, &scenario, &judge, &reckoning);
    let mut outcome = phases::outcome(&stage, &scenario, &judge, &reckoning);
    let at = stage.0.story.storm_time().unwrap_or_default().as_secs_f64();
    outcome.broken.extend(stage.0.troupe.accidents().into_iter().map(|what| Broken {
        invariant: "processes live".to_owned(),
        what,
        at,
    }));
    outcome.virtual_seconds = at;
    outcome.story = stage.0.story.lines();
    let last_line = reckoning.last_line(&judge.bench().truth);
    (outcome, last_line)
}
