//! `cargo sim shrink`: the smallest scenario that still breaks the same invariant, as a file that
//! runs, with its snapshot and a diagram beside it.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::smaller::{self, breaks};
use crate::{About, Document, DocumentOf, Options, Size, System, ZERO};
use serde::Serialize;
use stormproof_faults::outcome::{Broken, Outcome};
use stormproof_world::diagram::{self, Ending};
use stormproof_world::history::Event;

use super::Verdict;
use super::arguments::Shrink;
use super::bugs::planted_bug;
use super::job_pool::{Candidates, Job, Pool};
use super::subject::{Loaded, Subject, quoted};
use super::terminal::{self, count};

/// Where shrunk scenarios go unless said otherwise, from the workspace's folder on.
pub const FOLDER: &str = "target/sim/shrunk";

/// A search that has come to its end.
#[derive(Clone, Debug, Serialize)]
pub struct Reduced {
    pub invariant: String,
    /// What was seen in the smallest scenario.
    pub what: String,
    pub before: Size,
    pub after: Size,
    pub candidates: u64,
    pub steps: u64,
    /// Nothing smaller breaks; else the bound on candidates was reached first.
    pub complete: bool,
    pub seconds: f64,
    /// The noun of a piece of work.
    #[serde(skip)]
    pub unit: &'static str,
    #[serde(skip)]
    pub outcome: Outcome,
}

/// Runs the search and writes what it found.
pub fn shrink(system: &impl System, asked: &Shrink, json: bool) -> Result<Verdict, String> {
    if let Some(verdict) = planted_bug::elsewhere(system, asked.variant.bug.as_deref())? {
        return Ok(verdict);
    }
    let loaded = Loaded::of(system, &asked.world.scenario, &asked.variant)?;
    let subject = &loaded.subject;
    let workspace = system.about().files.workspace();
    let seed = asked.world.seed.unwrap_or_else(|| subject.own_seed());
    let pool = Pool::new(asked.jobs.count())?;
    let (reduced, document) =
        reduce(&pool, &loaded, seed, asked.invariant.as_deref(), asked.candidates)?;
    let file = asked
        .out
        .clone()
        .unwrap_or_else(|| workspace.join(FOLDER).join(file_name(&reduced.invariant, seed)));
    let (outcome, toml) = keep(&pool, &loaded, seed, (&reduced, &document), &file)?;
    let short = file.strip_prefix(&workspace).unwrap_or(&file);
    let command = |verb| command(subject, verb, short);
    match json {
        true => terminal::print_json(&Json {
            scenario: subject.name(),
            seed,
            file: short,
            replay: command("run"),
            explain: command("explain"),
            toml,
            story: &outcome.story.told(),
            reduced: &reduced,
        })?,
        false => {
            let text = text(subject, seed, &reduced, short);
            terminal::print(&format!("{text}\n{}", page(&outcome.story.told())))?;
        }
    }
    Ok(Verdict::Held)
}

/// The object of `--json`.
#[derive(Serialize)]
struct Json<'a> {
    scenario: &'a str,
    seed: u64,
    #[serde(flatten)]
    reduced: &'a Reduced,
    file: &'a Path,
    replay: String,
    explain: String,
    toml: String,
    story: &'a [String],
}

/// The smallest scenario that breaks the same invariant (the first that breaks, or the one asked
/// for) as this seed of `subject`, run by `pool`.
///
/// # Errors
/// If the seed does not break it, or cannot be run.
pub fn reduce<S: System>(
    pool: &Pool,
    loaded: &Loaded<'_, S>,
    seed: u64,
    invariant: Option<&str>,
    candidates_max: u64,
) -> Result<(Reduced, DocumentOf<S>), String> {
    let begun = Instant::now();
    let document = loaded.document(seed);
    let outcome = pool.run(&Job::of(&document, Options::default()))?;
    let invariant = target(loaded, seed, &outcome, invariant)?;
    let before = document.size();
    let mut trial = Candidates { pool, invariant: &invariant };
    let found = smaller::shrink(loaded.system, &mut trial, document, outcome, candidates_max)?;
    let reduced = Reduced {
        what: breach(&found.evidence, &invariant).what.clone(),
        invariant,
        before,
        after: found.smallest.size(),
        candidates: found.candidates,
        steps: found.steps,
        complete: found.complete,
        seconds: begun.elapsed().as_secs_f64(),
        unit: loaded.system.about().unit,
        outcome: found.evidence,
    };
    Ok((reduced, found.smallest))
}

/// Writes what was found: the scenario with a sentence of where it comes from, its story as a
/// snapshot, the run as a diagram. Returns the run that they tell of, and the scenario's text.
///
/// # Errors
/// If it cannot be run or written.
pub fn keep<S: System>(
    pool: &Pool,
    loaded: &Loaded<'_, S>,
    seed: u64,
    (reduced, document): (&Reduced, &DocumentOf<S>),
    file: &Path,
) -> Result<(Outcome, String), String> {
    let Reduced { invariant, what, .. } = reduced;
    let name = loaded.subject.name();
    let about = format!("Shrunk from {name} · seed {seed}, breaks \"{invariant}\": {what}.");
    let document = document.with_about(about);
    let told = Options { story: true, trace: true, ..Options::default() };
    let outcome = pool.run(&Job::of(&document, told))?;
    let toml = document.to_toml();
    write(loaded.system.about(), file, reduced, &toml, &outcome)?;
    Ok((outcome, toml))
}

/// The invariant that is looked at: the first that broke, or the one asked for if it did.
///
/// # Errors
/// If it did not break.
pub fn target(
    loaded: &Loaded<'_, impl System>,
    seed: u64,
    outcome: &Outcome,
    asked: Option<&str>,
) -> Result<String, String> {
    let place = format!("{} · seed {seed}", loaded.subject.name());
    let Some(first) = outcome.broken.first() else {
        return Err(format!("{place} breaks nothing: every invariant held"));
    };
    match asked {
        None => Ok(first.invariant.clone()),
        Some(name) if breaks(outcome, name) => Ok(name.to_owned()),
        Some(name) => {
            let mut broken: Vec<&str> =
                outcome.broken.iter().map(|broken| broken.invariant.as_str()).collect();
            broken.dedup();
            let known = loaded.system.invariants().iter().any(|known| known.name == name);
            let what = if known { "held" } else { "is no invariant" };
            Err(format!("{place}: {name:?} {what}; what broke is {}", broken.join(", ")))
        }
    }
}

/// The first breach of an invariant that broke.
pub fn breach<'a>(outcome: &'a Outcome, invariant: &str) -> &'a Broken {
    let mut broken = outcome.broken.iter();
    broken.find(|broken| broken.invariant == invariant).expect("it was broken by this run")
}

fn file_name(invariant: &str, seed: u64) -> String {
    let words = invariant.split(|character: char| !character.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!("{}_{seed}.toml", words.join("_"))
}

/// The scenario, and beside it its story as a snapshot and the run as a diagram. A snapshot begins as
/// one of the system's own, so that the files can be taken over among these.
fn write(
    system: About,
    file: &Path,
    reduced: &Reduced,
    toml: &str,
    outcome: &Outcome,
) -> Result<(), String> {
    let events: Result<Vec<Event>, _> =
        outcome.trace.iter().map(|line| serde_json::from_str(line)).collect();
    let events = events.map_err(|error| format!("the trace cannot be read: {error}"))?;
    let zero = ZERO.as_secs_f64();
    let breach = breach(&reduced.outcome, &reduced.invariant);
    let words = format!("BROKEN {}: {}", breach.invariant, breach.what);
    let ending = Ending { at: breach.at + zero, words: &words };
    let files = [
        ("toml", toml.to_owned()),
        ("snap", format!("---\nsource: {}\n---\n{}\n", system.snapshots_of, outcome.story)),
        ("mmd", diagram::draw(&events, zero, &ending)),
    ];
    file.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| cannot(file, &error))?;
    for (extension, text) in files {
        let path = file.with_extension(extension);
        fs::write(&path, text).map_err(|error| cannot(&path, &error))?;
    }
    Ok(())
}

fn cannot(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write to {}: {error}", path.display())
}

fn command(subject: &Subject, verb: &str, file: &Path) -> String {
    format!("{} {verb} {}", subject.system().command, quoted(&file.display().to_string()))
}

fn text(subject: &Subject, seed: u64, reduced: &Reduced, file: &Path) -> String {
    let size = |size: &Size| {
        let counts = size.0.iter().map(|(noun, number)| count(*number as u64, noun));
        counts.collect::<Vec<_>>().join(", ")
    };
    let bound =
        if reduced.complete { "nothing smaller breaks it" } else { "the bound was reached" };
    let rows = [
        ("SHRUNK", reduced.invariant.clone()),
        ("", reduced.what.clone()),
        ("", format!("{} · seed {seed}", subject.name())),
        ("before", size(&reduced.before)),
        ("after", size(&reduced.after)),
        (
            "tried",
            format!(
                "{} in {:.1} s: {bound}",
                count(reduced.candidates, "candidate"),
                reduced.seconds
            ),
        ),
        ("file", format!("{} (.snap, .mmd)", file.display())),
        ("replay", command(subject, "run", file)),
        ("explain", command(subject, "explain", file)),
    ];
    rows.into_iter().map(|(name, value)| format!("{name:<7} {value}\n")).collect()
}

/// A story as far as it fits a page: what never comes to rest says the same again and again.
fn page(story: &[String]) -> String {
    const LINES: usize = 60;
    const LAST: usize = 5;
    let Some(surplus) = story.len().checked_sub(LINES).filter(|surplus| *surplus > 0) else {
        return story.join("\n");
    };
    let (first, rest) = story.split_at(LINES - LAST);
    format!(
        "{}\n          … {} …\n{}",
        first.join("\n"),
        count(surplus as u64, "line"),
        rest[surplus..].join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_what_broke() {
        assert_eq!(file_name("one charge, one payback", 8), "one_charge_one_payback_8.toml");
    }

    #[test]
    fn a_story_fits_a_page() {
        let story = |lines: usize| (1..=lines).map(|line| line.to_string()).collect::<Vec<_>>();
        assert_eq!(page(&story(60)).lines().count(), 60);
        let text = page(&story(100));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[54], lines[56], lines[60]), (61, "55", "96", "100"));
        assert_eq!(lines[55].trim(), "… 40 lines …");
    }
}
