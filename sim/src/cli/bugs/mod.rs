//! `cargo sim bugs`: plants each known bug in turn and tells how soon it is found, by what, and that
//! the clean tree holds on the same seeds.
//!
//! `plot.rs` builds, `hunt.rs` explores, `league.rs` judges, `table.rs` prints. `planted.rs` lets
//! other commands run with one bug planted.

mod hunt;
mod league;
pub mod planted;
mod plot;
pub mod table;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use stormproof_sim::bugs::record::{Meaning, Record};
use stormproof_sim::bugs::{self, Bug};
use stormproof_sim::shop::Options;

use super::Verdict;
use super::arguments::{Bugs, STORM, jobs};
use super::subject::{self, Subject};
use super::summary::{Json, Summary};
use super::tally::Tally;
use super::{process, terminal, workers};
use hunt::{Hunt, Trail};
use league::{Entry, League};
use plot::Plot;

/// How far apart ranges of seeds begin.
const APART: u64 = 1_000_000;

const SECONDS_A_DAY: u64 = 86_400;

/// Plants the bugs asked for, and prints what came of it.
pub fn bugs(asked: &Bugs, json: bool) -> Result<Verdict, String> {
    let record = Record::load().map_err(|mistake| mistake.to_string())?;
    if let Some(seeds) = asked.clean {
        let record = record.ok_or("there is no record yet: `cargo sim bugs --record` makes it")?;
        match json {
            true => terminal::print_json(&Clean::by(&record, seeds.get()))?,
            false => terminal::print(&table::meaning(&record, seeds.get()))?,
        }
        return Ok(Verdict::Held);
    }
    let begun = Instant::now();
    let subject = Subject::find(STORM, asked.profile)?;
    let ranges = (0..asked.ranges.get()).map(|range| asked.from.saturating_add(range * APART));
    let hunt = Hunt {
        subject: &subject,
        ranges: ranges.collect(),
        seeds: asked.seeds.get(),
        jobs: jobs(asked.jobs),
    };
    // One profile is not measured by another, and what is recorded now not by what was before.
    let word = asked.profile.word();
    let record = record.filter(|record| record.profile == word);
    let before = record.clone().unwrap_or_else(|| Record::new(word));
    let bugs = chosen(asked, &before)?;
    let league = league(&bugs, &hunt, record.filter(|_| !asked.record))?;
    if asked.record && league.control.broken.is_empty() {
        league.to_record(before).save().map_err(|mistake| mistake.to_string())?;
    }
    let commit = subject::commit();
    let wall_seconds = begun.elapsed().as_secs_f64();
    let summary = Summary {
        subject: &subject,
        from: asked.from,
        tally: &league.control,
        gaps: &[],
        commit: commit.as_deref(),
        wall_seconds,
    };
    match json {
        true => terminal::print_json(&object(&summary, &league))?,
        false => terminal::print(&table::text(&league))?,
    }
    Ok(league.verdict())
}

/// The canaries, then the bugs that were asked for; of those that are picked each is recorded.
fn chosen(asked: &Bugs, record: &Record) -> Result<Vec<Bug>, String> {
    let all = bugs::all().map_err(|mistake| mistake.to_string())?;
    let (mut chosen, mut others): (Vec<Bug>, Vec<Bug>) =
        all.into_iter().partition(|bug| bug.header.canary);
    if chosen.is_empty() {
        return Err("there is no canary among the patches: nothing would be proved".to_owned());
    }
    let names: Vec<String> = asked
        .names
        .iter()
        .filter(|name| chosen.iter().all(|it| it.name != **name))
        .cloned()
        .collect();
    if names.len() == asked.names.len() {
        others = bugs::named(others, &names).map_err(|mistake| mistake.to_string())?;
    } else if names.is_empty() {
        others.clear();
    }
    if let Some(count) = asked.pick {
        // What has never been found cannot be found later than it was.
        others.retain(|bug| record.row(&bug.name).is_some());
        let start = today().wrapping_mul(count.get()) % others.len().max(1);
        others.rotate_left(start);
        others.truncate(count.get());
    }
    chosen.extend(others);
    Ok(chosen)
}

/// The number of this day, so that each day others are picked.
#[expect(clippy::disallowed_methods, reason = "which bugs are picked depends on the day")]
fn today() -> usize {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    usize::try_from(now / SECONDS_A_DAY).unwrap_or_default()
}

fn league(bugs: &[Bug], hunt: &Hunt<'_>, record: Option<Record>) -> Result<League, String> {
    let plot = Plot::new();
    let (mut entries, mut unplanted) = (Vec::new(), Vec::new());
    for (place, bug) in bugs.iter().enumerate() {
        terminal::mention(&format!("{} of {}: {}", place + 1, bugs.len(), bug.name));
        let begun = Instant::now();
        match plot.plant(Some(bug)) {
            Ok(program) => {
                let build_seconds = begun.elapsed().as_secs_f64();
                let entry = Entry::new(bug, hunt.trails(program)?, build_seconds);
                terminal::mention(&table::line(&entry));
                entries.push(entry);
            }
            Err(why) => {
                terminal::mention(&why);
                unplanted.push((bug.name.clone(), why));
            }
        }
    }
    terminal::mention("the clean control, on the same seeds");
    let program = plot.plant(None).map_err(|why| format!("the clean tree {why}"))?;
    let control = control(&entries, hunt, program)?;
    Ok(League { entries, unplanted, control, record })
}

/// Runs the clean tree on every seed that any bug was looked for in.
fn control(
    entries: &[Entry],
    hunt: &Hunt<'_>,
    program: std::path::PathBuf,
) -> Result<Tally, String> {
    let start = process::worker_in(program, hunt.subject, Options::default());
    let mut tally = Tally::new(hunt.ranges.first().copied().unwrap_or(1));
    for (range, from) in hunt.ranges.iter().enumerate() {
        let explored = |entry: &Entry| entry.trails.get(range).map(|trail: &Trail| trail.seeds);
        let seeds = entries.iter().filter_map(explored).max().unwrap_or(0);
        let count = |(seed, finding)| tally.add(seed, finding);
        workers::explore(&start, *from..from.saturating_add(seeds), hunt.jobs, None, count)?;
    }
    tally.finish();
    Ok(tally)
}

/// What clean seeds mean, as an object.
#[derive(Serialize)]
struct Clean {
    seeds: u64,
    classes: Vec<Meaning>,
}

impl Clean {
    fn by(record: &Record, seeds: u64) -> Clean {
        Clean { seeds, classes: record.meaning(seeds) }
    }
}

/// The object of `--json`: the control's figures, as of every exploration, and the bugs.
#[derive(Serialize)]
struct Object<'a> {
    #[serde(flatten)]
    control: Json<'a>,
    bugs: Vec<JsonBug<'a>>,
    unplanted: &'a [(String, String)],
}

#[derive(Serialize)]
struct JsonBug<'a> {
    name: &'a str,
    class: &'static str,
    canary: bool,
    detections: u64,
    seeds: u64,
    /// Seeds until half, and until 95 of 100, are found: likely, low, high; null: for ever.
    seeds_median: [f64; 3],
    seeds_p95: [f64; 3],
    seconds_median: f64,
    seconds_max: f64,
    build_seconds: f64,
    caught_by: Option<&'a str>,
    expected: &'a str,
    as_expected: u64,
    complaint: Option<&'static str>,
    trails: &'a [Trail],
}

fn object<'a>(summary: &'a Summary<'a>, league: &'a League) -> Object<'a> {
    let bug = |entry: &'a Entry| {
        let count = entry.count();
        let three = |share| {
            let estimate = count.seeds_for(share);
            [estimate.likely, estimate.low, estimate.high]
        };
        let (seconds_median, seconds_max) = entry.seconds();
        JsonBug {
            name: &entry.name,
            class: entry.class.word(),
            canary: entry.canary,
            detections: count.detections,
            seeds: count.seeds,
            seeds_median: three(0.5),
            seeds_p95: three(0.95),
            seconds_median,
            seconds_max,
            build_seconds: entry.build_seconds,
            caught_by: entry.caught_by(),
            expected: &entry.expected,
            as_expected: entry.as_expected(),
            complaint: entry.complaint(league.record.as_ref()),
            trails: &entry.trails,
        }
    };
    Object {
        control: summary.json(None),
        bugs: league.entries.iter().map(bug).collect(),
        unplanted: &league.unplanted,
    }
}
