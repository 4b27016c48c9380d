//! `cargo sim bugs`: plants each known bug in turn and tells how soon it is found, by what, and that
//! the clean tree holds on the same seeds.
//!
//! `build.rs` builds, `search.rs` explores, `scoreboard.rs` judges, `table.rs` and `object.rs` tell.
//! `planted_bug.rs` lets other commands run with one bug planted.

pub mod build;
mod object;
pub mod planted_bug;
mod scoreboard;
mod search;
pub mod table;

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::bugs::record::Record;
use crate::bugs::{self, Bug, Patches};
use crate::registries::{self, STORM};
use crate::{Options, Profile, System};

use super::Verdict;
use super::arguments::Bugs;
use super::job_pool::Pool;
use super::shrink::{self, Reduced};
use super::subject::{self, Loaded, Subject};
use super::summary::Summary;
use super::tally::Tally;
use super::{process, seeds, terminal};
use build::Build;
use scoreboard::{Entry, Scoreboard};
use search::{Search, SearchPlan};

/// How far apart ranges of seeds begin.
const APART: u64 = 1_000_000;

const SECONDS_A_DAY: u64 = 86_400;

/// Plants the bugs asked for, and prints what came of it.
pub fn bugs(system: &impl System, asked: &Bugs, json: bool) -> Result<Verdict, String> {
    let about = system.about();
    let patches = system.patches().ok_or("no bugs can be planted in this system")?;
    let registries = registries::of(system);
    let record = Record::load(&patches).map_err(|mistake| mistake.to_string())?;
    let profile = asked.profiles.first().copied().unwrap_or_default();
    if let Some(seeds) = asked.clean {
        let missing =
            || format!("there is no record yet: `{} bugs --record` makes it", about.command);
        let record = record.ok_or_else(missing)?;
        match json {
            true => terminal::print_json(&object::Clean::by(&record, profile, seeds.get()))?,
            false => terminal::print(&table::meaning(&record, profile, seeds.get()))?,
        }
        return Ok(Verdict::Held);
    }
    let begun = Instant::now();
    let subjects = asked.profiles.iter().map(|profile| Subject::storm(about, *profile));
    let ranges =
        (0..asked.ranges.get()).map(|range| asked.from.saturating_add(range.saturating_mul(APART)));
    let plan = SearchPlan {
        subjects: subjects.collect(),
        ranges: ranges.collect(),
        seeds: asked.seeds.get(),
        jobs: asked.jobs.count(),
    };
    let before = record.clone().unwrap_or_default();
    let all = patches.all(&registries).map_err(|mistake| mistake.to_string())?;
    let bugs = chosen(all, asked, profile, &before)?;
    // What is recorded now is not measured by what was before.
    let record = record.filter(|_| !asked.record);
    let scoreboard = scoreboard(system, &patches, &bugs, &plan, record, asked.candidates)?;
    if asked.record && scoreboard.control_holds() {
        scoreboard.to_record(before).save(&patches).map_err(|mistake| mistake.to_string())?;
    }
    let commit = subject::commit(about);
    let wall_seconds = begun.elapsed().as_secs_f64();
    let controls = plan.subjects.iter().zip(&scoreboard.controls);
    let controls = controls.map(|(subject, (_, tally))| Summary {
        subject,
        registries: &registries,
        from: asked.from,
        tally,
        gaps: &[],
        commit: commit.as_deref(),
        wall_seconds,
    });
    match json {
        true => terminal::print_json(&object::of(&controls.collect::<Vec<_>>(), &scoreboard))?,
        false => terminal::print(&table::text(&scoreboard))?,
    }
    Ok(scoreboard.verdict())
}

/// The canaries, then the bugs that were asked for; of those that are picked each is recorded.
fn chosen(
    all: Vec<Bug>,
    asked: &Bugs,
    profile: Profile,
    record: &Record,
) -> Result<Vec<Bug>, String> {
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
        others.retain(|bug| record.search(&bug.name, profile.word()).is_some());
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

fn scoreboard(
    system: &impl System,
    patches: &Patches,
    bugs: &[Bug],
    plan: &SearchPlan,
    record: Option<Record>,
    candidates: u64,
) -> Result<Scoreboard, String> {
    let build = Build::of(*patches);
    let (mut entries, mut unplanted) = (Vec::new(), Vec::new());
    for (place, bug) in bugs.iter().enumerate() {
        terminal::mention(&format!("{} of {}: {}", place + 1, bugs.len(), bug.name));
        let begun = Instant::now();
        match build.plant(Some(bug)) {
            Ok(program) => {
                let mut entry = Entry::new(bug);
                entry.build_seconds = begun.elapsed().as_secs_f64();
                for subject in &plan.subjects {
                    entry.searches.push(plan.search(&program, subject)?);
                }
                entry.shrunk = shrunk(system, &entry, plan, &program, candidates)?;
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
    let program = build.plant(None).map_err(|why| format!("the clean tree {why}"))?;
    let control = |(place, subject): (usize, &Subject)| {
        let searches = entries.iter().map(|entry: &Entry| &entry.searches[place]);
        Ok((subject.profile(), control(searches, plan, subject, &program)?))
    };
    let controls = plan.subjects.iter().enumerate().map(control).collect::<Result<_, String>>()?;
    Ok(Scoreboard { entries, unplanted, controls, record })
}

/// The smallest scenario that breaks what the first detection broke, the expected invariant if it
/// is among that; kept as a file. What a canary breaks needs no storm at all.
fn shrunk(
    system: &impl System,
    entry: &Entry,
    plan: &SearchPlan,
    program: &Path,
    candidates: u64,
) -> Result<Option<Reduced>, String> {
    let found = entry.judged().found().next();
    let Some(found) = found.filter(|_| !entry.canary && candidates > 0) else { return Ok(None) };
    let expected = found.invariants.iter().find(|broken| **broken == entry.expected);
    let invariant = expected.or(found.invariants.first()).map(String::as_str);
    let pool = Pool::of(program, plan.jobs);
    let loaded = Loaded::find(system, STORM, plan.subjects[0].profile())?;
    let (reduced, document) = shrink::reduce(&pool, &loaded, found.seed, invariant, candidates)?;
    let folder = system.about().files.workspace().join(shrink::FOLDER);
    let file = folder.join(format!("{}.toml", entry.name));
    shrink::keep(&pool, &loaded, found.seed, (&reduced, &document), &file)?;
    Ok(Some(reduced))
}

/// Runs the clean tree on every seed that any bug was looked for in.
fn control<'a>(
    searches: impl Iterator<Item = &'a Search> + Clone,
    plan: &SearchPlan,
    subject: &Subject,
    program: &Path,
) -> Result<Tally, String> {
    let start = process::worker_in(program.to_owned(), subject, Options::default());
    let mut tally = Tally::new(plan.ranges.first().copied().unwrap_or(1));
    for (range, from) in plan.ranges.iter().enumerate() {
        let explored = searches.clone().filter_map(|search| search.trails.get(range));
        let seeds = explored.map(|trail| trail.seeds).max().unwrap_or(0);
        let count = |(seed, finding)| tally.add(seed, finding);
        seeds::explore(&start, *from..from.saturating_add(seeds), plan.jobs, None, count)?;
    }
    tally.finish();
    Ok(tally)
}
