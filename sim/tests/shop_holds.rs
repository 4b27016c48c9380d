//! The simulator as one test of the shop: every scenario holds, the first storms hold, and the
//! scenarios' stories are told as they are kept.
//!
//! It stops at the first thing that breaks and says whose judgement it was, so that mutants of the
//! shop can be told by what caught them: `sim/mutants.md`. Worlds run in processes of their own, for
//! a mutant may well panic or never end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

/// Storms, unless the environment asks for another number.
const STORMS: u64 = 4;
/// Storms run before the first look at what they came to; each time twice as many.
const AT_ONCE: u64 = 4;
/// Worlds at a time.
const JOBS: usize = 2;
/// Processor time after which a world is taken for one that never ends; none takes a tenth of it,
/// and unlike the wall's clock it does not depend on who else is at work.
const SECONDS_A_WORLD: u64 = 5;
/// Lines of a snapshot before its story.
const HEAD: usize = 3;

/// Who found that the shop does not do what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judge {
    /// An invariant or an expectation, in a scenario of `scenarios/`; or a fault of it never fired.
    Scenario,
    /// An invariant, in a world that the swarm drew.
    Storm,
    /// Nobody but the reader of a story.
    Story,
}

/// What was found, in words.
type Found = Option<(Judge, String)>;

#[test]
#[expect(clippy::disallowed_methods, reason = "how many storms there are decides none of them")]
fn the_shop_holds() {
    let storms = std::env::var("STORMPROOF_STORMS").ok();
    let storms = storms.map_or(STORMS, |text| text.parse().expect("STORMPROOF_STORMS is a number"));
    let (broken, other_stories) = scenarios();
    let found = broken.or_else(|| self::storms(storms)).or(other_stories);
    if let Some((judge, what)) = found {
        panic!("caught by {judge:?}: {what}");
    }
}

/// Runs every scenario until one breaks; also the first whose story is another than the kept one.
fn scenarios() -> (Found, Found) {
    let mut names = files(&root().join("scenarios"));
    assert!(names.len() >= 25, "only {} scenarios", names.len());
    names.reverse();
    let left = Mutex::new((names, None, None));
    let work = || loop {
        let Some(file) = left.lock().expect("nobody panics").0.pop() else { break };
        let (broken, story) = scenario(&file);
        let mut left = left.lock().expect("nobody panics");
        if broken.is_some() {
            left.0.clear();
        }
        left.1 = left.1.take().or(broken);
        left.2 = left.2.take().or(story);
    };
    thread::scope(|scope| (0..JOBS).for_each(|_| drop(scope.spawn(work))));
    let (_, broken, story) = left.into_inner().expect("nobody panics");
    (broken, story)
}

/// Runs the scenario of a file under its own seed: whether it breaks, and whether the story differs.
fn scenario(file: &Path) -> (Found, Found) {
    let name = file.file_stem().expect("it is a file").to_string_lossy().into_owned();
    let ended = sim(&["run", &name, "--json"], SECONDS_A_WORLD);
    if !ended.status.success() {
        let what = format!("{name}: {}", what_broke(&ended));
        return (Some((Judge::Scenario, what)), None);
    }
    let json: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    let told = json["story"].as_array().expect("a single run has a story").iter();
    let told: Vec<&str> = told.map(|line| line.as_str().expect("a line")).collect();
    let kept = root().join("snapshots").join(format!("{name}.snap"));
    let kept = fs::read_to_string(kept).expect("every scenario has a snapshot");
    let kept: Vec<&str> = kept.lines().skip(HEAD).collect();
    let differs = kept.iter().zip(&told).find(|(kept, told)| kept != told);
    let story = match differs {
        Some((kept, told)) => Some(format!("{name}: {told}\ninstead of: {kept}")),
        None if kept.len() != told.len() => Some(format!("{name}: the story's length is another")),
        None => None,
    };
    (None, story.map(|what| (Judge::Story, what)))
}

/// Runs the first storms of the swarm until some break.
fn storms(count: u64) -> Found {
    let (mut from, mut at_once) = (1, AT_ONCE);
    while from <= count {
        let seeds = at_once.min(count + 1 - from);
        let words = format!("explore --json --jobs {JOBS} --from {from} --seeds {seeds}");
        let ended = sim(&words.split(' ').collect::<Vec<_>>(), seeds * SECONDS_A_WORLD);
        // Exit code 1 may also say that so few seeds did not cover everything, which is no breach.
        let broken = what_broke(&ended);
        if !broken.is_empty() {
            return Some((Judge::Storm, broken));
        }
        (from, at_once) = (from + seeds, 2 * at_once);
    }
    None
}

/// The first breach that a run tells of, or the complaint of a run that could not be; empty if neither.
fn what_broke(ended: &Output) -> String {
    let json: Option<Value> = serde_json::from_slice(&ended.stdout).ok();
    let broken = json.as_ref().map(|json| &json["broken"][0]);
    match broken {
        Some(broken) if broken.is_object() => {
            format!("{} ({})", text(&broken["invariant"]), text(&broken["what"]))
                + &format!(": {}", text(&broken["replay"]))
        }
        Some(_) => String::from_utf8_lossy(&ended.stderr).trim().to_owned(),
        None => format!("{}: {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim()),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Runs the binary where the project is, each of its processes for so much processor time at most.
fn sim(words: &[&str], seconds: u64) -> Output {
    let limited = format!("ulimit -t {seconds} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_sim")]).args(words).current_dir(root());
    command.output().expect("there is a shell")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package in a workspace").to_owned()
}

/// Every scenario file, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is part of the tree") {
        let path = entry.expect("the folder can be listed").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    found.sort();
    found
}
