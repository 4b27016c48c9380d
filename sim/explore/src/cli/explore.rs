//! `cargo sim explore`: many seeds over all cores, what broke grouped by invariant.

use std::time::Instant;

use crate::bugs::record::Record;
use crate::registries;
use crate::{Options, System};

use super::Verdict;
use super::arguments::Explore;
use super::bugs::{planted_bug, table};
use super::gaps::gaps;
use super::process;
use super::progress::Progress;
use super::report;
use super::seeds;
use super::subject::{self, Finding, Loaded, Subject};
use super::summary::Summary;
use super::tally::Tally;
use super::terminal;

/// Stories in a report: enough to begin with, and a page that still loads.
const STORIES: usize = 10;

/// Runs the seeds, prints what they came to and, if asked for, writes the report.
pub fn explore(system: &impl System, asked: &Explore, json: bool) -> Result<Verdict, String> {
    if let Some(verdict) = planted_bug::elsewhere(system, asked.variant.bug.as_deref())? {
        return Ok(verdict);
    }
    let subject = &Loaded::of(system, &asked.scenario, &asked.variant)?.subject;
    let begun = Instant::now();
    let tally = tally(asked, subject, begun)?;
    if tally.seeds == 0 {
        return Err("no seed came to its end in the time given: expected more time".to_owned());
    }
    let commit = subject::commit(system.about());
    let registries = registries::of(system);
    let gaps = gaps(subject, &registries, &tally);
    let summary = Summary {
        subject,
        registries: &registries,
        from: asked.from,
        tally: &tally,
        gaps: &gaps,
        commit: commit.as_deref(),
        wall_seconds: begun.elapsed().as_secs_f64(),
    };
    let mut text = String::new();
    if let Some(path) = &asked.html {
        report::write(path, &summary, &stories(subject, &tally)?)?;
        let short = path.strip_prefix(system.about().files.workspace()).unwrap_or(path);
        text = format!("report {}\n", short.display());
    }
    if summary.verdict() == Verdict::Held && subject.is_storm() && asked.variant.bug.is_none() {
        text.push_str(&worth(system, subject, tally.seeds)?);
    }
    match json {
        true => terminal::print_json(&summary.json(None))?,
        false => terminal::print(&format!("{}{text}", summary.text()))?,
    }
    Ok(summary.verdict())
}

/// What so many clean seeds say, by the planted bugs that such seeds have found.
fn worth(system: &impl System, subject: &Subject, seeds: u64) -> Result<String, String> {
    let Some(patches) = system.patches() else { return Ok(String::new()) };
    let record = Record::load(&patches).map_err(|mistake| mistake.to_string())?;
    let worth = |record| table::worth(&record, subject, seeds);
    Ok(record.and_then(worth).unwrap_or_default())
}

fn tally(asked: &Explore, subject: &Subject, begun: Instant) -> Result<Tally, String> {
    let seeds = asked.from..asked.from.saturating_add(asked.seeds());
    let mut tally = Tally::new(asked.from);
    let mut progress = Progress::new(asked.seeds(), &subject.system().units());
    let count = |(seed, finding): (u64, Finding)| {
        progress.add(&finding);
        tally.add(seed, finding);
    };
    let worker = process::worker_of(subject, Options::default())?;
    let deadline = asked.time.map(|time| begun + time);
    seeds::explore(&worker, seeds, asked.jobs.count(), deadline, count)?;
    progress.finish();
    tally.finish();
    Ok(tally)
}

/// Runs the first seed of every group again, each in a process of its own, for its story.
fn stories(subject: &Subject, tally: &Tally) -> Result<Vec<report::SeedStory>, String> {
    let worker =
        process::worker_of(subject, Options { story: true, trace: false, ..Options::default() })?;
    let mut seeds: Vec<u64> = tally.groups().iter().map(|group| group.first).collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds.truncate(STORIES);
    let tell = |seed: u64| {
        Ok(match seeds::alone(&worker, seed)? {
            Finding::Ended(outcome) => (seed, Ok(outcome.story)),
            Finding::Died(how) => (seed, Err(how)),
        })
    };
    seeds.into_iter().map(tell).collect()
}
