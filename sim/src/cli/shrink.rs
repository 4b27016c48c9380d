//! `cargo sim shrink`: the smallest scenario that still breaks the same invariant, as a file that
//! runs, with its snapshot and a diagram beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use stormproof_sim::outcome::{Broken, Outcome};
use stormproof_sim::shop::scenario::Document;
use stormproof_sim::shop::shrink::{Size, breaks};
use stormproof_sim::shop::{Options, ZERO, invariants};
use stormproof_sim::world::diagram::{self, Ending};
use stormproof_sim::world::history::Event;

use super::Verdict;
use super::arguments::Shrink;
use super::bugs::planted_bug;
use super::pool::{Candidates, Job, Pool};
use super::subject::{self, Subject, quoted};
use super::terminal::{self, count};

/// Where shrunk scenarios go unless said otherwise, from the workspace's folder on.
pub const FOLDER: &str = "target/sim/shrunk";

/// What snapshots begin with, so that a file taken over into the project is one of its own.
const SNAPSHOT_HEAD: &str = "---\nsource: tests/scenarios.rs\n---\n";

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
    #[serde(skip)]
    pub document: Document,
    #[serde(skip)]
    pub outcome: Outcome,
}

/// Runs the search and writes what it found.
pub fn shrink(asked: &Shrink, json: bool) -> Result<Verdict, String> {
    if let Some(verdict) = planted_bug::elsewhere(asked.variant.bug.as_deref())? {
        return Ok(verdict);
    }
    let subject = Subject::of(&asked.world.scenario, &asked.variant)?;
    let seed = asked.world.seed.unwrap_or_else(|| subject.own_seed());
    let pool = Pool::new(asked.jobs.count())?;
    let mut reduced = reduce(&pool, &subject, seed, asked.invariant.as_deref(), asked.candidates)?;
    let file = asked.out.clone().unwrap_or_else(|| default_file(&reduced.invariant, seed));
    let outcome = keep(&pool, &subject, seed, &mut reduced, &file)?;
    let short = file.strip_prefix(subject::workspace()).unwrap_or(&file);
    match json {
        true => terminal::print_json(&Json {
            scenario: subject.name(),
            seed,
            file: short,
            replay: command("run", short),
            explain: command("explain", short),
            toml: reduced.document.to_toml(),
            story: &outcome.story,
            reduced: &reduced,
        })?,
        false => {
            let text = text(&subject, seed, &reduced, short);
            terminal::print(&format!("{text}\n{}", page(&outcome.story)))?;
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
pub fn reduce(
    pool: &Pool,
    subject: &Subject,
    seed: u64,
    invariant: Option<&str>,
    candidates_max: u64,
) -> Result<Reduced, String> {
    let begun = Instant::now();
    let document = subject.document(seed);
    let outcome = pool.run(&Job::of(&document, Options::default()))?;
    let invariant = target(subject, seed, &outcome, invariant)?;
    let before = Size::of(&document);
    let mut trial = Candidates { pool, invariant: &invariant };
    let search = stormproof_sim::shop::shrink::shrink;
    let found = search(&mut trial, document, outcome, candidates_max)?;
    Ok(Reduced {
        what: breach(&found.evidence, &invariant).what.clone(),
        invariant,
        before,
        after: Size::of(&found.smallest),
        candidates: found.candidates,
        steps: found.steps,
        complete: found.complete,
        seconds: begun.elapsed().as_secs_f64(),
        document: found.smallest,
        outcome: found.evidence,
    })
}

/// Writes what was found: the scenario with a sentence of where it comes from, its story as a
/// snapshot, the run as a diagram. Returns the run that they tell of.
///
/// # Errors
/// If it cannot be run or written.
pub fn keep(
    pool: &Pool,
    subject: &Subject,
    seed: u64,
    reduced: &mut Reduced,
    file: &Path,
) -> Result<Outcome, String> {
    reduced.document.about = format!(
        "Shrunk from {} · seed {seed}, breaks \"{}\": {}.",
        subject.name(),
        reduced.invariant,
        reduced.what
    );
    let told = Options { story: true, trace: true, ..Options::default() };
    let outcome = pool.run(&Job::of(&reduced.document, told))?;
    write(file, reduced, &outcome)?;
    Ok(outcome)
}

/// The invariant that is looked at: the first that broke, or the one asked for if it did.
///
/// # Errors
/// If it did not break.
pub fn target(
    subject: &Subject,
    seed: u64,
    outcome: &Outcome,
    asked: Option<&str>,
) -> Result<String, String> {
    let place = format!("{} · seed {seed}", subject.name());
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
            let known = invariants::INVARIANTS.iter().any(|known| known.name == name);
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

fn default_file(invariant: &str, seed: u64) -> PathBuf {
    let words = invariant.split(|character: char| !character.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    subject::workspace().join(FOLDER).join(format!("{}_{seed}.toml", words.join("_")))
}

/// The scenario, and beside it its story as a snapshot and the run as a diagram.
fn write(file: &Path, reduced: &Reduced, outcome: &Outcome) -> Result<(), String> {
    let events: Result<Vec<Event>, _> =
        outcome.trace.iter().map(|line| serde_json::from_str(line)).collect();
    let events = events.map_err(|error| format!("the trace cannot be read: {error}"))?;
    let zero = ZERO.as_secs_f64();
    let breach = breach(&reduced.outcome, &reduced.invariant);
    let words = format!("BROKEN {}: {}", breach.invariant, breach.what);
    let ending = Ending { at: breach.at + zero, words: &words };
    let files = [
        ("toml", reduced.document.to_toml()),
        ("snap", format!("{SNAPSHOT_HEAD}{}\n", outcome.story.join("\n"))),
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

fn command(verb: &str, file: &Path) -> String {
    format!("cargo sim {verb} {}", quoted(&file.display().to_string()))
}

fn text(subject: &Subject, seed: u64, reduced: &Reduced, file: &Path) -> String {
    let size = |size: &Size| {
        let count = |number: usize, noun| count(number as u64, noun);
        let (faults, customers) = (count(size.faults, "fault"), count(size.customers, "customer"));
        format!(
            "{faults}, {customers}, {}, {}",
            count(size.orders, "order"),
            count(size.steps, "step")
        )
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
        ("replay", command("run", file)),
        ("explain", command("explain", file)),
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
        let file = default_file("one debit, one refund", 8);
        assert!(file.ends_with("target/sim/shrunk/one_debit_one_refund_8.toml"), "{file:?}");
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
