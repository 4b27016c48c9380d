//! What the processes of `doctor` do: run a document under watch, as often as they are told to, and
//! tell what was seen.

use std::backtrace::Backtrace;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stormproof_faults::outcome::Outcome;
use stormproof_world::history::Event;
use stormproof_world::witness::{self, Escape, Sighting, Way};

use super::code::Culprit;
use crate::cli::Verdict;
use crate::cli::job_pool::Job;
use crate::{System, ZERO};

/// What a process is to run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Examination {
    pub job: Job,
    /// The number of an event whose code is asked for.
    pub event: Option<u64>,
}

/// What was seen of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Examined {
    /// None, if it did not come to its end: then `death` says why.
    pub outcome: Option<Box<Outcome>>,
    pub death: Option<Death>,
    /// The code behind the event that was asked for, and behind events shortly before it.
    pub events: BTreeMap<u64, Culprit>,
    pub escapes: Vec<Escaped>,
    /// Of how many more it is not known where they come from.
    pub more_escapes: u64,
    /// Why escapes cannot be seen, if they cannot.
    pub blind: Option<String>,
    /// The names of threads that the run has left behind.
    pub threads: Vec<String>,
    /// What sqlx can connect to besides the world's databases.
    pub drivers: Vec<String>,
}

/// How a run died.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    pub how: String,
    /// What it means, if it is a thing that worlds refuse.
    pub refused: Option<String>,
    pub by: Culprit,
}

/// What one place of the code asked of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Escaped {
    pub way: Way,
    /// Which one, where that is known: a file's path.
    pub which: Option<String>,
    pub by: Culprit,
    pub times: u64,
    /// When: seconds of the storm at the last event before the first time, if the run came to its end.
    pub at: Option<f64>,
}

/// A line that begins so is an answer. Services may print others, and may not end them.
const MARK: &str = "examined: ";

/// What worlds refuse by a panic, by words that are then in it.
const REFUSED: [(&str, &str); 5] = [
    // Where std finds that no thread can be made, now and in earlier versions.
    ("/sys/thread/unix.rs", "a world has one thread, and lets nobody start another"),
    ("/sys/pal/unix/thread.rs", "a world has one thread, and lets nobody start another"),
    (
        "context of a Tokio",
        "a world has no Tokio runtime: its timers and sockets are the machine's",
    ),
    (
        "no reactor running",
        "a world has no Tokio runtime: its timers and sockets are the machine's",
    ),
    ("drivers without that", "drivers of real databases were installed before the world's"),
];

/// The first panic since a run began.
static PANIC: Mutex<Option<(String, Backtrace)>> = Mutex::new(None);

/// Runs what standard input asks for, until it ends.
pub fn examine(system: &impl System) -> Result<Verdict, String> {
    examine_from(system, io::stdin().lock())
}

/// The same, asked from elsewhere.
pub fn examine_from(system: &impl System, asked: impl BufRead) -> Result<Verdict, String> {
    std::panic::set_hook(Box::new(|panic| {
        let stack = Backtrace::force_capture();
        lock(&PANIC).get_or_insert_with(|| (panic.to_string(), stack));
    }));
    let workspace = system.about().files.workspace();
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    for line in asked.lines() {
        let line = line.map_err(|error| format!("cannot read what to examine: {error}"))?;
        let examination: Examination = serde_json::from_str(&line)
            .map_err(|error| format!("this is no examination ({error}): {line}"))?;
        let examined = examination.run(system, &workspace);
        let answer = serde_json::to_string(&examined).expect("what was seen is plain data");
        let mut output = io::stdout().lock();
        let told = writeln!(output, "{MARK}{answer}").and_then(|()| output.flush());
        if told.is_err() {
            break;
        }
    }
    Ok(Verdict::Held)
}

/// Reads a line that [`examine`] has written; none, if somebody else has.
pub fn read(line: &str) -> Option<Examined> {
    let (_, answer) = line.split_once(MARK)?;
    serde_json::from_str(answer).ok()
}

impl Examination {
    fn run(&self, system: &impl System, workspace: &Path) -> Examined {
        lock(&PANIC).take();
        let before = threads();
        witness::watch(self.event);
        let ended = catch_unwind(AssertUnwindSafe(|| self.job.run(system)));
        let sighting = witness::seen().unwrap_or_else(|| Sighting {
            blind: Some("no world was seen that runs where the system was asked to run".to_owned()),
            ..Sighting::default()
        });
        let mut examined = Examined { threads: left_behind(&before), ..Examined::default() };
        match ended {
            Ok(Ok(outcome)) => {
                examined.outcome = Some(Box::new(outcome));
                let drivers = stormproof_sqlite::drivers_of_others().into_iter();
                examined.drivers = drivers.map(str::to_owned).collect();
            }
            Ok(Err(how)) => examined.death = Some(Death { how, ..Death::default() }),
            Err(_) => examined.death = Some(death(workspace)),
        }
        examined.tell(sighting, workspace);
        examined
    }
}

impl Examined {
    fn tell(&mut self, sighting: Sighting, workspace: &Path) {
        let Sighting { events, escapes, more_escapes, blind } = sighting;
        let culprit = |stack: &Backtrace| Culprit::on(stack, workspace);
        self.events = events.iter().map(|(number, stack)| (*number, culprit(stack))).collect();
        let trace = self.outcome.as_ref().map_or(&[][..], |outcome| &outcome.trace);
        for Escape { way, which, after, stack } in escapes {
            let event = usize::try_from(after.saturating_sub(1)).ok();
            let at = event.and_then(|place| time(trace.get(place)?));
            let escaped = Escaped { way, which, by: culprit(&stack), times: 1, at };
            match self.escapes.iter_mut().find(|known| known.is_same(&escaped)) {
                Some(known) => known.times += 1,
                None => self.escapes.push(escaped),
            }
        }
        (self.more_escapes, self.blind) = (more_escapes, blind);
    }
}

impl Escaped {
    /// Whether the same line asked for the same.
    pub fn is_same(&self, other: &Escaped) -> bool {
        let same = (self.way, &self.which) == (other.way, &other.which);
        same && self.by.line() == other.by.line()
    }
}

/// The time in a line of a trace.
fn time(line: &str) -> Option<f64> {
    serde_json::from_str(line).ok().map(|event: Event| event.at - ZERO.as_secs_f64())
}

fn death(workspace: &Path) -> Death {
    let panic = lock(&PANIC).take();
    let Some((how, stack)) = panic else {
        return Death { how: "it panicked without a word".to_owned(), ..Death::default() };
    };
    let refused = REFUSED.iter().find(|(words, _)| how.contains(words));
    let refused = refused.map(|(_, means)| (*means).to_owned());
    Death { how, refused, by: Culprit::on(&stack, workspace) }
}

/// The threads of this process, by their numbers; none, where that cannot be seen.
fn threads() -> BTreeMap<PathBuf, String> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
    let named = tasks.filter_map(|task| {
        let name = std::fs::read_to_string(task.join("comm")).ok()?;
        Some((task, name.trim().to_owned()))
    });
    named.collect()
}

/// The names of threads that were not there before. Those that are just ending get the time to.
#[expect(clippy::disallowed_methods, reason = "no world is running any more")]
fn left_behind(before: &BTreeMap<PathBuf, String>) -> Vec<String> {
    const LOOKS: u32 = 5;
    let mut left = Vec::new();
    for _ in 0..LOOKS {
        let now = threads().into_iter();
        left = now.filter(|(task, _)| !before.contains_key(task)).map(|(_, name)| name).collect();
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    left
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
