//! The story of a rehearsal: what people, services and faults say, each line at its time.
//!
//! Services say it in their logs, which are read as they come; those logs are also searched for
//! secrets. Times count from the beginning of the storm, in the scenario's seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use stormproof_faults::outcome::{Story as Told, StoryLine};
pub use stormproof_faults::story::FAULT;
use stormproof_ports::story::TARGET;
use stormproof_shop::secrets;

use super::time_scale::TimeScale;
use crate::terminal::print;

/// What was said so far.
pub struct Story {
    begun: Instant,
    scale: TimeScale,
    /// When the storm began, in the scenario's time; nothing is told before.
    zero: OnceLock<Duration>,
    /// Orders are told apart where there are several.
    several: bool,
    /// Prints each line at once.
    aloud: bool,
    /// Where the services' whole logs are written.
    logs: Option<PathBuf>,
    state: Mutex<StoryState>,
}

#[derive(Default)]
struct StoryState {
    lines: Vec<StoryLine>,
    /// Orders by id, numbered from 1.
    aliases: BTreeMap<String, usize>,
    /// Secrets that were seen in a log.
    leaks: BTreeSet<String>,
    /// The last lines of each node that were no story: why it ended, if it ends.
    last_words: BTreeMap<String, Vec<String>>,
    files: BTreeMap<String, File>,
}

/// A line of a service's log, as far as the story goes.
#[derive(Deserialize)]
struct ToldLine {
    target: String,
    message: String,
    #[serde(default)]
    subject: String,
    /// Where it serves, in the line that says so.
    #[serde(default)]
    address: Option<String>,
}

/// So many last words are kept.
const LAST_WORDS: usize = 12;

impl Story {
    pub fn new(scale: TimeScale, several: bool, aloud: bool, logs: Option<PathBuf>) -> Story {
        Story {
            begun: Instant::now(),
            scale,
            zero: OnceLock::new(),
            several,
            aloud,
            logs,
            state: Mutex::default(),
        }
    }

    /// The scenario's time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.scale.told(self.begun.elapsed())
    }

    /// The scenario's time since the storm began, if it has.
    pub fn storm_time(&self) -> Option<Duration> {
        Some(self.elapsed().saturating_sub(*self.zero.get()?))
    }

    /// How long that much of the scenario lasts.
    pub fn real(&self, scenario: Duration) -> Duration {
        self.scale.real(scenario)
    }

    /// The storm begins now.
    pub fn begin(&self) -> Duration {
        *self.zero.get_or_init(|| self.elapsed())
    }

    pub fn say(&self, name: &str, order: &str, words: &str) {
        let alias = self.alias(order);
        let Some(at) = self.storm_time() else { return };
        let line = StoryLine {
            at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            who: name.to_owned(),
            subject: alias,
            words: words.to_owned(),
        };
        if self.aloud {
            let told = Told { several: self.several, ..Told::default() }.tell(&line);
            // Who does not read any more misses nothing but the story.
            print(&told).ok();
        }
        self.state().lines.push(line);
    }

    /// What the story calls an order; nothing for none.
    pub fn alias(&self, order: &str) -> String {
        if order.is_empty() {
            return String::new();
        }
        let aliases = &mut self.state().aliases;
        let next = aliases.len() + 1;
        format!("order-{}", aliases.entry(order.to_owned()).or_insert(next))
    }

    /// Hears a line of `node`'s log, which the story calls `shown`. Returns where the node serves, if
    /// it says so.
    pub fn hear(&self, node: &str, shown: &str, text: &str) -> Option<String> {
        {
            let state = &mut *self.state();
            state.leaks.extend(secrets::in_text(&format!("the log of {node}"), text));
            self.write(state, node, text);
        }
        match serde_json::from_str::<ToldLine>(text) {
            Ok(line) if line.target == TARGET => {
                self.say(shown, &line.subject, &line.message);
                None
            }
            Ok(line) if line.message == "serves" => line.address,
            _ => {
                let words = &mut self.state().last_words;
                let words = words.entry(node.to_owned()).or_default();
                words.push(text.to_owned());
                if words.len() > LAST_WORDS {
                    words.remove(0);
                }
                None
            }
        }
    }

    /// A log that cannot be kept is no reason to stop a rehearsal.
    fn write(&self, state: &mut StoryState, node: &str, text: &str) {
        let Some(folder) = &self.logs else { return };
        if !state.files.contains_key(node) {
            let Ok(file) = File::create(folder.join(format!("{node}.log"))) else { return };
            state.files.insert(node.to_owned(), file);
        }
        if let Some(file) = state.files.get_mut(node) {
            writeln!(file, "{text}").ok();
        }
    }

    /// What `node` said last besides the story.
    pub fn last_words(&self, node: &str) -> String {
        self.state().last_words.get(node).map(|words| words.join("\n")).unwrap_or_default()
    }

    /// What was told so far.
    pub fn told(&self) -> Told {
        Told { lines: self.state().lines.clone(), several: self.several, ending: None }
    }

    pub fn leaks(&self) -> Vec<String> {
        let mut leaks = self.state().leaks.clone();
        for line in self.told().lines {
            leaks.extend(secrets::in_text("the story", &line.words));
        }
        leaks.into_iter().collect()
    }

    fn state(&self) -> MutexGuard<'_, StoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
