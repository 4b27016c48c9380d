//! Who is measured at what.

use std::time::Duration;

use stormproof_explore::cli::calibration::statements_per_second;

use crate::measure::{Contender, Figure, measure};
use crate::worlds::moonpool::{self, Driver};
use crate::worlds::turmoil::{self, Latency};
use crate::worlds::{Timers, seeded};

/// How long the reference is measured, before everything and after it.
const REFERENCE: Duration = Duration::from_secs(2);

/// The longest stretch of virtual time that anybody idles: a week, in seconds.
const WEEK: u64 = 7 * 24 * 3600;

/// All that is measured. The first figure of each table is ours, unless only some are measured.
pub struct Comparison {
    /// Raw SQLite statements per second, before everything and after it.
    pub reference: [f64; 2],
    /// Seconds per request.
    pub requests: Vec<Figure>,
    /// Seconds per second of virtual time, with a timer on each node.
    pub timers: Vec<Figure>,
    /// The same without timers.
    pub still: Vec<Figure>,
}

/// Measures whoever has `only` in its name: with an empty text, all.
///
/// # Errors
/// If the reference cannot be measured.
pub fn all(only: &str, say: &mut dyn FnMut(&str)) -> Result<Comparison, String> {
    let wanted = |mut contenders: Vec<Contender>| {
        contenders.retain(|it| it.name.contains(only));
        contenders
    };
    say("reference");
    let before = statements_per_second(REFERENCE)?;
    say("requests");
    let requests = measure(&wanted(requesters()), 2_000, u64::MAX, say);
    say("idle, a timer on each node");
    let timers = measure(&wanted(idlers(Timers::Periodic)), 10, WEEK, say);
    say("idle, no timers");
    let still = measure(&wanted(idlers(Timers::None)), 10, WEEK, say);
    let after = statements_per_second(REFERENCE)?;
    Ok(Comparison { reference: [before, after], requests, timers, still })
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Who answers requests.
pub fn requesters() -> Vec<Contender> {
    let turmoil = |tick, latency, words: &str| {
        let name = format!("turmoil, {words}");
        Contender::new(name, move |requests| {
            turmoil::requests(requests, milliseconds(tick), latency)
        })
    };
    vec![
        Contender::new("Stormproof, `Http` port", seeded::requests_through_the_port),
        Contender::new("Stormproof, hyper client", seeded::requests_on_a_connection),
        turmoil(1, Latency::Default, "tick of 1 ms, messages up to 100 ms (its defaults)"),
        turmoil(1, Latency::Short, "tick of 1 ms, messages 1-5 ms"),
        turmoil(10, Latency::Short, "tick of 10 ms, messages 1-5 ms"),
        Contender::new("moonpool-sim, its runner", |it| moonpool::requests(it, Driver::Runner)),
        Contender::new("moonpool-sim, bare engine", |it| moonpool::requests(it, Driver::Bare)),
    ]
}

/// Who idles.
pub fn idlers(timers: Timers) -> Vec<Contender> {
    let contender = |name: &str, run: fn(Duration, Timers) -> Duration| {
        Contender::new(name, move |seconds| run(Duration::from_secs(seconds), timers))
    };
    vec![
        contender("Stormproof", seeded::idle),
        contender("turmoil, tick of 1 ms (its default)", |time, timers| {
            turmoil::idle(time, timers, milliseconds(1))
        }),
        contender("turmoil, tick of 10 ms", |time, timers| {
            turmoil::idle(time, timers, milliseconds(10))
        }),
        contender("turmoil, tick of 1 s", |time, timers| {
            turmoil::idle(time, timers, milliseconds(1_000))
        }),
        contender("moonpool-sim, its runner", |time, timers| {
            moonpool::idle(time, timers, Driver::Runner)
        }),
        contender("moonpool-sim, bare engine", |time, timers| {
            moonpool::idle(time, timers, Driver::Bare)
        }),
    ]
}
