//! The page that is written: what was measured, and what is to be known of it.

use crate::figures::Comparison;
use crate::measure::{Figure, ROUNDS};

/// A request through our port takes no longer than this, in seconds.
const REQUEST_MOST: f64 = 8e-6;

/// How the page begins; `{…}` are filled in.
const BEGINNING: &str = "\
# Beside its peers

What the seeded world costs, beside [turmoil](https://crates.io/crates/turmoil) {turmoil} and
[moonpool-sim](https://crates.io/crates/moonpool-sim) {moonpool-sim}. `cargo peers` measures all of it and writes this
page (`sim/benches/peers/`): everything is one release build, run in turn, {rounds} rounds of about a second for each.
Best and median are of wall time, the processor time is the least of all rounds. Nothing goes wrong in any of these
worlds, and everyone's seed is 1.

The reference of the same run (SQLite in memory, as `cargo sim bench` has it): {before} statements/s before,
{after} after.

";

/// What stands above the first table.
const REQUESTS: &str = "\
## A request

One client, one server, one kept-alive connection, one request after the other: `POST` with a path parameter and a
body of 20 bytes, to the same axum router behind hyper's server, by hyper's client.

";

/// What stands between the tables.
const TIMERS: &str = "
## A day of virtual time in which nothing happens

Eight nodes listen, and nobody comes. Wall time for a virtual day; where fewer than a day were measured, it is
extrapolated. With a timer on each node, which fires once a second:

";

/// What stands above the last table.
const STILL: &str = "
Without timers:

";

/// How the page ends.
const END: &str = "
## What is in these figures, and what is not

In the seeded world every call and every answer goes into the history, a chain of SHA-256 whose last hash is the run's
fingerprint; a call has a deadline, passes the moments at which faults strike, and each node's database (SQLite), the
broker and the mail server are there, although nobody talks to them here. A client that holds its own connection
leaves the deadline and the records of calls out. What it costs without timers is the list of tasks, which is cleared
of those that have ended once in five virtual seconds.

turmoil gives every host a runtime of tokio's own, so services use tokio's time and tasks as they are. All hosts take
their turn in every tick, whether or not they have anything to do, and a message arrives with a later tick than it
was sent in. So a request waits for two ticks at least, and one at a time pays for them alone; where many are under way
they share them. With a tick of a second no message arrives within a second. It keeps no record of what happened;
it simulates TCP, UDP and, as an unstable feature, files; no database and no broker.

moonpool-sim goes from event to event, as the seeded world does; without timers its day is one event. Its runner also
collects what processes say through `tracing` at `INFO`, and makes spans of every read, write and step; the bare engine
is a loop around `SimWorld` and `Executor` without them. It keeps no record of what nobody says; it simulates
TCP and files; no database and no broker.
";

/// The whole page.
///
/// # Errors
/// If a peer's version is not in the lock file.
pub fn page(figures: &Comparison) -> Result<String, String> {
    let [before, after] = figures.reference.map(|rate| grouped(rate as u64));
    let beginning = BEGINNING
        .replace("{turmoil}", version("turmoil")?)
        .replace("{moonpool-sim}", version("moonpool-sim")?)
        .replace("{rounds}", &ROUNDS.to_string())
        .replace("{before}", &before)
        .replace("{after}", &after);
    Ok(format!("{beginning}{}{}{END}", tables(figures), targets(figures)))
}

/// The three tables, each with what stands above it.
pub fn tables(figures: &Comparison) -> String {
    let requests = request_table(&figures.requests);
    let (timers, still) = (day_table(&figures.timers), day_table(&figures.still));
    format!("{REQUESTS}{requests}{TIMERS}{timers}{STILL}{still}")
}

/// What the build was made with.
fn version(package: &str) -> Result<&'static str, String> {
    let lock = include_str!("../Cargo.lock");
    let entry = lock.split_once(&format!("name = \"{package}\"\nversion = \""));
    let version = entry.and_then(|(_, rest)| rest.split('"').next());
    version.ok_or_else(|| format!("{package} is not in Cargo.lock"))
}

fn request_table(figures: &[Figure]) -> String {
    let mut table =
        "| | best | median | processor | of ours | requests in a run |\n|---|---|---|---|---|---|\n".to_owned();
    for figure in figures {
        let [best, median, processor] = figure.times().map(shown);
        let (of_ours, amount) = (ratio(figure, figures), grouped(figure.amount));
        table += &format!(
            "| {} | {best} | {median} | {processor} | {of_ours} | {amount} |\n",
            figure.name
        );
    }
    table
}

fn day_table(figures: &[Figure]) -> String {
    let mut table =
        "| | best | median | processor | of ours | measured over |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for figure in figures {
        let [best, median, processor] = figure.times().map(|time| shown(time * DAY));
        let (of_ours, over) = (ratio(figure, figures), stretch(figure.amount));
        table += &format!(
            "| {} | {best} | {median} | {processor} | {of_ours} | {over} |\n",
            figure.name
        );
    }
    table
}

/// A day, in seconds.
const DAY: f64 = 24.0 * 3600.0;

/// How many times as long as the first of them.
fn ratio(figure: &Figure, figures: &[Figure]) -> String {
    let ratio = figure.best / figures[0].best;
    match ratio {
        ..0.1 => format!("{ratio:.2}"),
        ..20.0 => format!("{ratio:.1}"),
        _ => grouped(ratio.round() as u64),
    }
}

/// Which targets are held.
fn targets(figures: &Comparison) -> String {
    let ours = |figures: &[Figure]| figures[0].best;
    let ahead = |figures: &[Figure]| {
        let peers = figures.iter().filter(|it| !it.name.starts_with("Stormproof"));
        peers.clone().all(|peer| ours(figures) < peer.best)
    };
    let word = |held| if held { "held" } else { "not held" };
    format!(
        "\n## Targets\n\n\
         | | |\n|---|---|\n\
         | a request through the port takes {} at the most | {} |\n\
         | it takes less than at any peer | {} |\n\
         | so does a day with timers | {} |\n\
         | and a day without | {} |\n",
        shown(REQUEST_MOST),
        word(ours(&figures.requests) <= REQUEST_MOST),
        word(ahead(&figures.requests)),
        word(ahead(&figures.timers)),
        word(ahead(&figures.still)),
    )
}

/// A time, in the unit that suits it.
fn shown(seconds: f64) -> String {
    let (value, unit) = match seconds {
        ..1e-3 => (seconds * 1e6, "µs"),
        ..1.0 => (seconds * 1e3, "ms"),
        ..120.0 => (seconds, "s"),
        ..7200.0 => (seconds / 60.0, "min"),
        _ => (seconds / 3600.0, "h"),
    };
    match value {
        ..100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// So many seconds of virtual time.
fn stretch(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{:.0} min", seconds as f64 / 60.0),
        7200..172_800 => format!("{:.0} h", seconds as f64 / 3600.0),
        _ => format!("{:.1} days", seconds as f64 / DAY),
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let comma = |(place, digit)| match (digits.len() - place) % 3 {
        0 if place > 0 => vec![',', digit],
        _ => vec![digit],
    };
    digits.chars().enumerate().flat_map(comma).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_versions_figures_and_targets() {
        let figures = |ours, peers| {
            let figure = |name: &str, best| Figure {
                name: name.into(),
                amount: 86_400,
                best,
                median: 2.0 * best,
                processor: 0.5 * best,
            };
            vec![figure("Stormproof", ours), figure("turmoil", peers)]
        };
        let figures = Comparison {
            reference: [2_000_000.0, 1_999_999.0],
            requests: figures(7e-6, 21e-6),
            timers: figures(1e-6, 0.02),
            still: figures(1e-7, 1e-9),
        };
        let page = page(&figures).expect("the peers have versions");
        for told in [
            "crates/turmoil) 0.7.2 and",
            "2,000,000 statements/s before",
            "| Stormproof | 7.0 µs | 14.0 µs | 3.5 µs | 1.0 | 86,400 |",
            "| turmoil | 28.8 min | 57.6 min | 14.4 min | 20,000 | 24 h |",
            "8.0 µs at the most | held |",
            "and a day without | not held |",
        ] {
            assert!(page.contains(told), "{told}: {page}");
        }
    }

    #[test]
    fn no_line_is_too_long_to_read() {
        for text in [BEGINNING, REQUESTS, TIMERS, STILL, END] {
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        }
    }
}
