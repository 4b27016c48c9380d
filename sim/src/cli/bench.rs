//! `cargo sim bench`: how fast worlds are and how much memory one takes, beside a reference that
//! is measured in the same run (`calibration`), so that figures of two machines can be compared.

use std::ops::Range;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;
use stormproof_sim::outcome::Outcome;
use stormproof_sim::shop::scenario::Scenario;
use stormproof_sim::shop::{Options, simulate};

use super::Verdict;
use super::arguments::{Bench, Jobs, Profile, STORM};
use super::calibration::statements_per_second;
use super::process::{self, Heard, Worker};
use super::subject::{Finding, Subject};
use super::terminal::{self, grouped, rate, table};
use super::workers;

/// How many customers buy at once, and how often each.
const CUSTOMERS: usize = 20;
const ORDERS_EACH: usize = 20;

/// The figures.
#[derive(Debug, Serialize)]
struct Figures {
    /// Raw SQLite statements per second on one core: the mean of before and after.
    reference_statements_per_second: f64,
    /// Orders without faults through all five services, per second on one core.
    orders_per_second: f64,
    /// How many reference statements take as long as one order.
    reference_statements_per_order: f64,
    swarm_seeds_per_second: f64,
    swarm_virtual_seconds_per_second: f64,
    jobs: usize,
    /// The most memory that a process held which ran one swarm world.
    peak_memory_kib: u64,
}

/// Measures, and prints the figures.
pub fn bench(asked: &Bench, json: bool) -> Result<Verdict, String> {
    let before = statements_per_second(asked.time / 4)?;
    let orders = orders_per_second(asked.time)?;
    let after = statements_per_second(asked.time / 4)?;
    let reference = (before + after) / 2.0;
    let (seeds, virtual_seconds) = swarm(asked.time)?;
    let figures = Figures {
        reference_statements_per_second: reference,
        orders_per_second: orders,
        reference_statements_per_order: reference / orders,
        swarm_seeds_per_second: seeds,
        swarm_virtual_seconds_per_second: virtual_seconds,
        jobs: Jobs::default().count(),
        peak_memory_kib: peak_memory()?,
    };
    match json {
        true => terminal::print_json(&figures)?,
        false => terminal::print(&text(&figures))?,
    }
    Ok(Verdict::Held)
}

fn text(figures: &Figures) -> String {
    let each = |figure| rate(figure, 1.0);
    let memory = grouped(figures.peak_memory_kib / 1024);
    let rows = [
        [
            "reference".to_owned(),
            each(figures.reference_statements_per_second),
            "raw SQLite statements/s, in memory, five a transaction, one core".to_owned(),
        ],
        [
            "orders".to_owned(),
            each(figures.orders_per_second),
            "orders/s without faults through all five services, one core".to_owned(),
        ],
        [
            String::new(),
            each(figures.reference_statements_per_order),
            "reference statements take as long as one order".to_owned(),
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
        ["memory".to_owned(), memory, "MiB at the peak of a process with one world".to_owned()],
    ];
    table("figures of this machine", &rows)
}

/// The best of several runs: what else the machine does can only slow one down.
fn orders_per_second(time: Duration) -> Result<f64, String> {
    let scenario = fair_weather()?;
    let begun = Instant::now();
    let mut best: f64 = 0.0;
    let mut seed = 0;
    while seed == 0 || begun.elapsed() < time {
        seed += 1;
        let started = Instant::now();
        let outcome = simulate(&scenario, seed, Options::default());
        let seconds = started.elapsed().as_secs_f64();
        check(&outcome)?;
        best = best.max(outcome.orders as f64 / seconds);
    }
    Ok(best)
}

/// Figures of orders that were not delivered would be worth nothing.
fn check(outcome: &Outcome) -> Result<(), String> {
    let delivered = outcome.orders_by_status.get("DELIVERED").copied().unwrap_or(0);
    if let Some(broken) = outcome.broken.first() {
        return Err(format!("fair weather broke {}: {}", broken.invariant, broken.what));
    }
    match delivered == (CUSTOMERS * ORDERS_EACH) as u64 {
        true => Ok(()),
        false => Err(format!("fair weather delivered {delivered} of {} orders", outcome.orders)),
    }
}

/// A shop in which nothing goes wrong and nothing runs out.
fn fair_weather() -> Result<Scenario, String> {
    let order = "{ order = { teapot = 1 } }";
    let script = vec![order; ORDERS_EACH].join(", ");
    let customer = format!("[[customer]]\nbalance = 10000000\nscript = [{script}]\n");
    let stock = CUSTOMERS * ORDERS_EACH;
    let text = format!(
        "about = \"Nothing goes wrong.\"\n[world]\n\
         stock = [{{ sku = \"teapot\", warehouse = \"sydney\", units = {stock} }}]\n{}",
        customer.repeat(CUSTOMERS)
    );
    Scenario::parse("fair_weather.toml", &text).map_err(|mistake| mistake.to_string())
}

/// Seeds and virtual seconds per second, on all cores.
fn swarm(time: Duration) -> Result<(f64, f64), String> {
    let worker = storm_worker()?;
    let begun = Instant::now();
    let (mut seeds, mut virtual_seconds, mut last) = (0_u64, 0.0, begun);
    let count = |(_, finding)| {
        if let Finding::Ended(outcome) = finding {
            seeds += 1;
            virtual_seconds += outcome.virtual_seconds;
            last = Instant::now();
        }
    };
    workers::explore(&worker, 1..u64::MAX, Jobs::default().count(), Some(begun + time), count)?;
    if seeds == 0 {
        return Err("no seed came to its end in the time given: expected more time".to_owned());
    }
    // Up to the last seed that ended: what was cut off at the deadline is no speed.
    let seconds = last.duration_since(begun).as_secs_f64();
    Ok((seeds as f64 / seconds, virtual_seconds / seconds))
}

fn peak_memory() -> Result<u64, String> {
    let mut command = storm_worker()?(1..2);
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

fn storm_worker() -> Result<impl Fn(Range<u64>) -> Command + Sync, String> {
    process::worker_of(&Subject::find(STORM, Profile::default())?, Options::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fair_weather_is_a_scenario() {
        assert_eq!(fair_weather().expect("well formed").name, "fair_weather");
    }
}
