//! `stormproof rehearse`: plays a scenario of the seeded world on real machines: processes of this
//! very binary, Postgres and RabbitMQ, on loopback. Same people, same phases, same judges; what
//! fails them is kill, SIGSTOP, and proxies between everybody.
//!
//! `stage.rs` is the environment; `carriage.rs` says which faults are carried and how. Exit
//! codes: 0 it held, 1 something broke or a fault that is carried did not fire, 2 it could not be run.

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
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stormproof_sim::outcome::{Broken, Outcome};
use stormproof_sim::shop::environment::Environment as _;
use stormproof_sim::shop::judge::Judge;
use stormproof_sim::shop::phases::{self, Played};
use stormproof_sim::shop::scenario::{Action, Scenario, files};
use stormproof_sim::shop::topology::STAFF;

use crate::cli::{self, ConfigFile};
use crate::config::Config;
use crate::signals::Stop;
use carriage::Sorted;
use pace::Pace;
use report::Report;
use scratch::Scratch;
use stage::{Plan, Stage};
use story::Story;

/// What to rehearse, and where.
#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    /// A scenario's file, or the stem of one in the folder of scenarios.
    #[arg(required_unless_present = "list")]
    scenario: Option<String>,
    /// Scenario seconds in one of ours; services and people wait as much less. The faster, the more it
    /// matters how fast this machine is where one races another, such as a cancel a pick-up.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=20))]
    pace: u32,
    /// Seconds without any change after which it is taken to rest no more.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
    /// Where scratch databases are made, if not where the configuration says.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// The broker, if not the configuration's.
    #[arg(long, value_name = "URL")]
    amqp: Option<String>,
    /// Writes the log of every process into this folder.
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// One JSON object instead of the story.
    #[arg(long)]
    json: bool,
    /// Prints which faults are carried, and how.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// Sets the stage, plays, judges, and takes everything down.
///
/// # Errors
/// Why it could not be run.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let Some(name) = &arguments.scenario else {
        return cli::print(&carriage::list()).map(|()| ExitCode::SUCCESS);
    };
    let scenario = files::load(name).map_err(|mistake| mistake.to_string())?;
    let sorted = carriage::sort(&scenario);
    let config = config(arguments)?;
    if let Some(folder) = &arguments.logs {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: cannot be made: {error}", folder.display()))?;
    }
    let mut stop = Stop::listen(false)?;
    let scratch = Arc::new(Scratch::plan(&config)?);
    let pace = Pace(arguments.pace);
    if !arguments.json {
        cli::print(&format!("{} · real machines · pace {}", scenario.name, arguments.pace))?;
    }
    let begun = Instant::now();
    let several = scenario.customers.iter().flat_map(|customer| &customer.script);
    let several = several.filter(|step| matches!(step.action, Action::Order(_))).count() > 1;
    let story = Story::new(pace, several, !arguments.json, arguments.logs.clone());
    let patience = Duration::from_secs(arguments.patience);
    let plan = Plan { scenario: &scenario, sorted: &sorted, pace, patience };
    let played = play(&plan, &scratch, Arc::new(story), &mut stop).await;
    let left = scratch.remove().await;
    let (outcome, last_line) = played?;
    left?;
    let report = Report {
        outcome,
        last_line,
        pace: arguments.pace,
        skipped: sorted.skipped,
        faults: scenario.faults.len(),
        carried: sorted.carried.len(),
        real_seconds: begun.elapsed().as_secs_f64(),
    };
    cli::print(&if arguments.json { report.json() } else { report.text() })?;
    Ok(ExitCode::from(u8::from(!report.held())))
}

fn config(arguments: &Arguments) -> Result<Config, String> {
    let mut config = arguments.config.read(Config::default())?;
    if let Some(url) = &arguments.postgres {
        config.database.url = url.as_str().into();
    }
    if let Some(url) = &arguments.amqp {
        config.broker.url = url.as_str().into();
    }
    Ok(config)
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
    let ports = stage.ports(STAFF);
    let Played { mut outcome, last_line } =
        phases::play(Arc::new(stage.clone()), &scenario, &judge, ports).await;
    let at = stage.0.story.storm_time().unwrap_or_default().as_secs_f64();
    outcome.broken.extend(stage.0.troupe.accidents().into_iter().map(|what| Broken {
        invariant: "processes live".to_owned(),
        what,
        subject: None,
        at,
    }));
    outcome.virtual_seconds = at;
    outcome.story = stage.0.story.told();
    (outcome, last_line)
}
