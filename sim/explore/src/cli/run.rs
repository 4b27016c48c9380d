//! `cargo sim run`: one scenario under one seed, and its story.

use std::path::Path;
use std::time::Instant;

use crate::registries;
use crate::{Options, System};
use stormproof_faults::outcome::Story;

use super::Verdict;
use super::arguments::Run;
use super::bugs::planted_bug;
use super::failure_slice::Breach;
use super::report;
use super::subject::{self, Finding, Loaded, Subject};
use super::summary::Summary;
use super::tally::Tally;
use super::terminal;

/// A story with more lines is not read from its beginning.
const LONG: usize = 50;

/// Runs the scenario in this process and prints its story, or everything as JSON.
pub fn run(system: &impl System, asked: &Run, json: bool) -> Result<Verdict, String> {
    if let Some(verdict) = planted_bug::elsewhere(system, asked.variant.bug.as_deref())? {
        return Ok(verdict);
    }
    let loaded = Loaded::of(system, &asked.world.scenario, &asked.variant)?;
    let subject = &loaded.subject;
    let seed = asked.world.seed.unwrap_or_else(|| subject.own_seed());
    let begun = Instant::now();
    let mut finding = loaded
        .attempt(seed, Options { story: true, trace: asked.trace.is_some(), ..Options::default() });
    let wall_seconds = begun.elapsed().as_secs_f64();
    let (mut story, mut trace) = (Story::default(), Vec::new());
    if let Finding::Ended(outcome) = &mut finding {
        story = std::mem::take(&mut outcome.story);
        trace = std::mem::take(&mut outcome.trace);
    }
    if let Some(path) = &asked.trace {
        write_lines(path, &trace)?;
    }
    let tally = Tally::of(seed, finding);
    let commit = subject::commit(system.about());
    let summary = Summary {
        subject,
        registries: &registries::of(system),
        from: seed,
        tally: &tally,
        gaps: &[],
        commit: commit.as_deref(),
        wall_seconds,
    };
    if let Some(path) = &asked.html {
        report::write(path, &summary, &[(seed, Ok(story.clone()))])?;
    }
    match json {
        true => terminal::print_json(&summary.json(Some(&story.told())))?,
        false => terminal::print(&text(&summary, &story))?,
    }
    Ok(judge(subject, &tally))
}

fn text(summary: &Summary<'_>, story: &Story) -> String {
    let title = format!("{} · seed {}", summary.subject.name(), summary.from);
    let told = story.told();
    let mut text = format!("{title}\n");
    for line in &told {
        text.push_str(&format!("{line}\n"));
    }
    if told.len() > LONG {
        text.push_str(&failure_slice(summary, story));
    }
    let failures = summary.failures();
    if !failures.is_empty() {
        text.push_str(&format!("\n{failures}"));
    }
    text
}

/// Of a long story, what led to the first breach.
fn failure_slice(summary: &Summary<'_>, story: &Story) -> String {
    let groups = summary.tally.groups();
    let Some(first) = groups.iter().min_by(|a, b| a.at.total_cmp(&b.at)) else {
        return String::new();
    };
    let breach = Breach::of(first);
    let of = breach.subject.map(|subject| format!("{subject} and ")).unwrap_or_default();
    let lines = breach.slice(story).join("\n");
    format!("\nof all this, {of}the faults, until \"{}\" broke\n{lines}\n", first.invariant)
}

/// A scenario that asks for a fault that did not fire has not been run as it was written. The
/// swarm's faults may come too late, or aim at what never happens: that is its nature.
fn judge(subject: &Subject, tally: &Tally) -> Verdict {
    if !tally.broken.is_empty() {
        return Verdict::Broken;
    }
    if subject.is_storm() || tally.unfired.is_empty() {
        return Verdict::Held;
    }
    for fault in tally.unfired.keys() {
        terminal::complain(&format!("{}: this fault did not fire: {fault}", subject.asked()));
    }
    Verdict::CouldNotRun
}

fn write_lines(path: &Path, lines: &[String]) -> Result<(), String> {
    let mut text = lines.join("\n");
    text.push('\n');
    std::fs::write(path, text)
        .map_err(|error| format!("cannot write the trace to {}: {error}", path.display()))
}
