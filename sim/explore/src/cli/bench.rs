//! `cargo sim bench`: how fast worlds are and how much memory one takes, beside a reference that
//! is measured in the same run (`calibration`), so that figures of two machines can be compared.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::{About, FairWeather, Options, Outcome, Profile, System};
use serde::Serialize;

use super::Verdict;
use super::arguments::{Bench, Jobs};
use super::calibration::statements_per_second;
use super::process::{self, Heard, Worker};
use super::seeds;
use super::subject::{Finding, NO_FAIR_WEATHER, Subject};
use super::terminal::{self, grouped, rate, table};

/// Small numbers in words.
const NUMBERS: [&str; 7] = ["no", "one", "two", "three", "four", "five", "six"];

/// Pieces of work in fair weather: so many that the beginning of a world is little beside them.
const PIECES: u64 = 400;

/// The figures.
#[derive(Debug, Serialize)]
struct Figures {
    /// Raw SQLite statements per second on one core: the mean of before and after.
    reference_statements_per_second: f64,
    /// Pieces of work without faults, per second on one core: `orders_per_second`; and how many
    /// reference statements take as long as one: `reference_statements_per_order`.
    #[serde(flatten)]
    work: BTreeMap<String, f64>,
    /// A world with one piece of work, from its beginning to its judgement: the median.
    small_world_ms: f64,
    swarm_seeds_per_second: f64,
    swarm_virtual_seconds_per_second: f64,
    /// With one process.
    single_swarm_seeds_per_second: f64,
    /// The same in worlds whose transactions never overlap.
    #[serde(flatten)]
    serial: BTreeMap<String, f64>,
    serial_swarm_seeds_per_second: f64,
    jobs: usize,
    /// The most memory that a process held which ran one swarm world.
    peak_memory_kib: u64,
}

/// Measures, and prints the figures.
pub fn bench(system: &impl System, asked: &Bench, json: bool) -> Result<Verdict, String> {
    let About { unit, .. } = system.about();
    let fair = system.fair_weather(PIECES).ok_or(NO_FAIR_WEATHER)?;
    let before = statements_per_second(asked.time / 4)?;
    let serial = Options { serial: true, ..Options::default() };
    let done = work_per_second(system, &fair, asked.time, Options::default())?;
    let done_serially = work_per_second(system, &fair, asked.time, serial)?;
    let after = statements_per_second(asked.time / 4)?;
    let reference = (before + after) / 2.0;
    let jobs = Jobs::default().count();
    let swarm = |options, jobs| swarm(system.about(), asked.time, options, jobs);
    let (seeds, virtual_seconds) = swarm(Options::default(), jobs)?;
    let (single_seeds, _) = swarm(Options::default(), 1)?;
    let (serial_seeds, _) = swarm(serial, jobs)?;
    let figures = Figures {
        reference_statements_per_second: reference,
        work: BTreeMap::from([
            (format!("{unit}s_per_second"), done),
            (format!("reference_statements_per_{unit}"), reference / done),
        ]),
        small_world_ms: small_world(system, asked.time / 4)?,
        swarm_seeds_per_second: seeds,
        swarm_virtual_seconds_per_second: virtual_seconds,
        single_swarm_seeds_per_second: single_seeds,
        serial: BTreeMap::from([(format!("serial_{unit}s_per_second"), done_serially)]),
        serial_swarm_seeds_per_second: serial_seeds,
        jobs,
        peak_memory_kib: peak_memory(system.about())?,
    };
    match json {
        true => terminal::print_json(&figures)?,
        false => {
            let services = system.topology().services.len();
            let services = NUMBERS.get(services).map_or(services.to_string(), |it| it.to_string());
            terminal::print(&text(&figures, unit, &services, [done, done_serially]))?;
        }
    }
    Ok(Verdict::Held)
}

fn text(figures: &Figures, unit: &str, services: &str, done: [f64; 2]) -> String {
    let each = |figure| rate(figure, 1.0);
    let [done, done_serially] = done;
    let cost = 1.0 - figures.swarm_seeds_per_second / figures.serial_swarm_seeds_per_second;
    let more = figures.swarm_seeds_per_second / figures.single_swarm_seeds_per_second;
    let memory = grouped(figures.peak_memory_kib / 1024);
    let rows = [
        [
            "reference".to_owned(),
            each(figures.reference_statements_per_second),
            "raw SQLite statements/s, in memory, five a transaction, one core".to_owned(),
        ],
        [
            format!("{unit}s"),
            each(done),
            format!("{unit}s/s without faults through all {services} services, one core"),
        ],
        [
            String::new(),
            each(figures.reference_statements_per_second / done),
            format!("reference statements take as long as one {unit}"),
        ],
        [
            String::new(),
            format!("{:.1}", figures.small_world_ms),
            format!("ms: a world with one {unit}, from its beginning to its judgement"),
        ],
        [
            "swarm".to_owned(),
            each(figures.swarm_seeds_per_second),
            format!("seeds/s, {} processes", figures.jobs),
        ],
        [
            String::new(),
            each(figures.swarm_virtual_seconds_per_second),
            "virtual seconds per second".to_owned(),
        ],
        [
            String::new(),
            each(figures.single_swarm_seeds_per_second),
            format!("seeds/s, one process: {} bring {more:.2} times as much", figures.jobs),
        ],
        [
            "serial".to_owned(),
            each(done_serially),
            format!("{unit}s/s where transactions never overlap"),
        ],
        [
            String::new(),
            each(figures.serial_swarm_seeds_per_second),
            format!("seeds/s; overlap costs {:.0} % of the swarm's speed", cost * 100.0),
        ],
        ["memory".to_owned(), memory, "MiB at the peak of a process with one world".to_owned()],
    ];
    table("figures of this machine", &rows)
}

/// The best of several runs: what else the machine does can only slow one down.
fn work_per_second<S: System>(
    system: &S,
    fair: &FairWeather<S::Scenario>,
    time: Duration,
    options: Options,
) -> Result<f64, String> {
    let units = system.about().units();
    let begun = Instant::now();
    let mut best: f64 = 0.0;
    let mut seed = 0;
    while seed == 0 || begun.elapsed() < time {
        seed += 1;
        let (outcome, took) = fair_world(system, fair, seed, options)?;
        best = best.max(outcome.figures.number(&units) as f64 / took.as_secs_f64());
    }
    Ok(best)
}

/// A world without faults, and how long it took.
fn fair_world<S: System>(
    system: &S,
    fair: &FairWeather<S::Scenario>,
    seed: u64,
    options: Options,
) -> Result<(Outcome, Duration), String> {
    let started = Instant::now();
    let outcome = system.simulate(&fair.scenario, seed, options);
    let took = started.elapsed();
    if let Some(broken) = outcome.broken.first() {
        return Err(format!("fair weather broke {}: {}", broken.invariant, broken.what));
    }
    (fair.check)(&outcome)?;
    Ok((outcome, took))
}

/// How long a world with one piece of work takes, in milliseconds: the median.
fn small_world<S: System>(system: &S, time: Duration) -> Result<f64, String> {
    let fair = system.fair_weather(1).ok_or(NO_FAIR_WEATHER)?;
    let begun = Instant::now();
    let mut took = Vec::new();
    while took.is_empty() || begun.elapsed() < time {
        let seed = took.len() as u64 + 1;
        took.push(fair_world(system, &fair, seed, Options::default())?.1);
    }
    took.sort_unstable();
    Ok(took[took.len() / 2].as_secs_f64() * 1000.0)
}

/// Seeds and virtual seconds per second, in so many processes.
fn swarm(
    system: About,
    time: Duration,
    options: Options,
    jobs: usize,
) -> Result<(f64, f64), String> {
    let worker = process::worker_of(&Subject::storm(system, Profile::default()), options)?;
    let begun = Instant::now();
    let (mut seeds, mut virtual_seconds, mut last) = (0_u64, 0.0, begun);
    let count = |(_, finding)| {
        if let Finding::Ended(outcome) = finding {
            seeds += 1;
            virtual_seconds += outcome.virtual_seconds;
            last = Instant::now();
        }
    };
    seeds::explore(&worker, 1..u64::MAX, jobs, Some(begun + time), count)?;
    if seeds == 0 {
        return Err("no seed came to its end in the time given: expected more time".to_owned());
    }
    // Up to the last seed that ended: what was cut off at the deadline is no speed.
    let seconds = last.duration_since(begun).as_secs_f64();
    Ok((seeds as f64 / seconds, virtual_seconds / seconds))
}

fn peak_memory(system: About) -> Result<u64, String> {
    let storm = Subject::storm(system, Profile::default());
    let mut command = process::worker_of(&storm, Options::default())?(1..2);
    command.arg("--memory");
    let mut worker = Worker::start(command)?;
    if let Finding::Died(how) = worker.finding(1) {
        return Err(format!("the world whose memory is measured died: {how}"));
    }
    match worker.hear(Duration::from_secs(10)) {
        Heard::Ended { well: true, complaints, .. } => {
            let last = complaints.lines().last().unwrap_or_default();
            last.parse().map_err(|_| format!("expected a peak of memory, got {last:?}"))
        }
        heard => Err(format!("expected a peak of memory, got {heard:?}")),
    }
}
