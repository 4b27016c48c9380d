//! What happened: every event feeds a hash chain; story lines are kept, all else only on request.
//!
//! The chain's last hash is the run's fingerprint. An event's parts are hashed as they are, so that
//! nothing is formatted unless a trace is kept. Where story lines come from is `story.rs`'s.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stormproof_faults::story::{FAULT, Story, StoryLine};
use stormproof_ports::notify::Notify;
use stormproof_ports::trace::hex;

use crate::lock;
use crate::node::NodeIndex;
use crate::spec::Spec;
use crate::witness;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// A line of the story.
    Story,
    /// A fault fires or heals.
    Fault,
    /// A request leaves its caller.
    Call,
    /// Its answer arrives there, or there is none.
    Answer,
    /// A transaction is durable.
    Commit,
    /// A message leaves its publisher.
    Publish,
    /// The broker's confirm arrives, or does not.
    Confirm,
    /// A message reaches its consumer.
    Deliver,
    /// A consumer settles a message.
    Settle,
    /// The mail server took a mail.
    Mail,
    /// A node boots.
    Up,
    /// A node is gone.
    Down,
}

/// An event as a trace keeps it, a JSON line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Virtual seconds since the world began.
    pub at: f64,
    /// The hash of the chain up to it, so that a trace shows where two runs part.
    pub chain: String,
    /// What it is about: an operation, a subject of the story, a message's schema; may be empty.
    pub id: String,
    /// What kind of thing happened.
    pub kind: Kind,
    /// The name of the node that did it, or [`FAULT`].
    pub node: String,
    /// The event's other parts, as its kind has them: whom a call asks, the words of a story line.
    pub what: Vec<String>,
}

/// The events of one run.
pub struct History {
    /// The nodes' names by their index.
    names: Vec<Arc<str>>,
    /// What subjects are called by, before their numbers.
    alias: Option<String>,
    state: Mutex<HistoryState>,
}

struct HistoryState {
    chain: Sha256,
    events: u64,
    events_max: u64,
    /// An event as it is hashed; kept for its capacity.
    bytes: Vec<u8>,
    /// Subjects of the story by id, numbered from 1.
    numbers: BTreeMap<Arc<str>, usize>,
    /// The same by number.
    ids: Vec<Arc<str>>,
    lines: Vec<Line>,
    trace: Option<Vec<String>>,
    /// Who waits for the next event.
    waiting: Option<Notify>,
}

struct Line {
    at: Duration,
    node: NodeIndex,
    /// The subject's number, or 0.
    subject: usize,
    words: Box<str>,
}

impl History {
    /// Nothing yet: the spec says how subjects are called, whether a trace is kept, and at how many
    /// events to panic.
    pub(super) fn new(names: Vec<Arc<str>>, spec: &Spec) -> History {
        let state = HistoryState {
            chain: Sha256::new(),
            events: 0,
            events_max: spec.events_max,
            bytes: Vec::new(),
            numbers: BTreeMap::new(),
            ids: Vec::new(),
            lines: Vec::new(),
            trace: spec.trace.then(Vec::new),
            waiting: None,
        };
        History { names, alias: spec.alias.clone(), state: Mutex::new(state) }
    }

    /// Records an event; `id` says what it is about (a subject, a message) and may be empty.
    pub(super) fn record(
        &self,
        at: Duration,
        node: NodeIndex,
        kind: Kind,
        id: &str,
        parts: &[&str],
    ) {
        let state = &mut *lock(&self.state);
        state.events += 1;
        assert!(
            state.events <= state.events_max,
            "made more than {} events, the last by {}: {}",
            state.events_max,
            self.name(node),
            parts.join(" ")
        );
        let bytes = &mut state.bytes;
        bytes.clear();
        let nanoseconds = u64::try_from(at.as_nanos()).expect("a run lasts less than 584 years");
        bytes.extend_from_slice(&nanoseconds.to_le_bytes());
        bytes.extend_from_slice(&node.0.to_le_bytes());
        bytes.push(kind as u8);
        for part in std::iter::once(&id).chain(parts) {
            bytes.extend_from_slice(part.as_bytes());
            // No UTF-8 text holds this byte, so parts cannot run together.
            bytes.push(0xff);
        }
        state.chain.update(&state.bytes);
        if let Some(mut trace) = state.trace.take() {
            trace.push(self.json(state, at, node, kind, id, parts));
            state.trace = Some(trace);
        }
        witness::event(state.events);
        if let Some(waiting) = state.waiting.take() {
            waiting.notify_one();
        }
    }

    /// Completes when something happens. One waits at a time.
    pub(super) async fn next_event(&self) {
        let notify = Notify::default();
        lock(&self.state).waiting = Some(notify.clone());
        notify.notified().await;
    }

    /// Records a line of the story. A subject that is new to it gets the next number.
    pub(super) fn say(&self, at: Duration, node: NodeIndex, subject: &str, words: &str) {
        let kind = if node == NodeIndex::FAULT { Kind::Fault } else { Kind::Story };
        self.record(at, node, kind, subject, &[words]);
        let state = &mut *lock(&self.state);
        let subject = if subject.is_empty() { 0 } else { state.number(subject) };
        state.lines.push(Line { at, node, subject, words: words.into() });
    }

    /// What the story calls a subject: by `Spec::alias` and the number of its first mention, such as
    /// `job-1`; without an alias by its id.
    pub fn alias(&self, id: &str) -> String {
        let number = lock(&self.state).number(id);
        self.shown(number, id)
    }

    /// The story since the world began, without an ending.
    pub fn story(&self) -> Story {
        let state = lock(&self.state);
        let line = |line: &Line| StoryLine {
            at_ms: u64::try_from((line.at + HALF_MS).as_millis()).expect("a run is short"),
            who: self.name(line.node).to_owned(),
            subject: match line.subject {
                0 => String::new(),
                number => self.shown(number, &state.ids[number - 1]),
            },
            words: line.words.to_string(),
        };
        let lines = state.lines.iter().map(line).collect();
        Story { lines, several: state.ids.len() > 1, ending: None }
    }

    /// Shows the words of every line of the story, without what is put around them.
    pub fn each_words(&self, look: impl FnMut(&str)) {
        lock(&self.state).lines.iter().map(|line| &*line.words).for_each(look);
    }

    /// Every event as a JSON line; empty unless a trace is kept.
    pub fn trace(&self) -> Vec<String> {
        lock(&self.state).trace.clone().unwrap_or_default()
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        lock(&self.state).events
    }

    /// The hash over all events, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let mut text = String::with_capacity(64);
        hex(&mut text, &lock(&self.state).chain.clone().finalize());
        text
    }

    fn shown(&self, number: usize, id: &str) -> String {
        match &self.alias {
            Some(alias) => format!("{alias}-{number}"),
            None => id.to_owned(),
        }
    }

    fn name(&self, node: NodeIndex) -> &str {
        self.names.get(usize::from(node.0)).map_or(FAULT, |name| name)
    }

    fn json(
        &self,
        state: &HistoryState,
        at: Duration,
        node: NodeIndex,
        kind: Kind,
        id: &str,
        parts: &[&str],
    ) -> String {
        let mut chain = String::with_capacity(16);
        hex(&mut chain, &state.chain.clone().finalize()[..8]);
        let event = Event {
            at: at.as_nanos() as f64 / 1e9,
            chain,
            id: match state.numbers.get(id) {
                Some(number) => self.shown(*number, id),
                None => id.to_owned(),
            },
            kind,
            node: self.name(node).to_owned(),
            what: parts.iter().map(|part| (*part).to_owned()).collect(),
        };
        serde_json::to_string(&event).expect("an event is plain data")
    }
}

/// What is added to a time before it is cut to milliseconds.
const HALF_MS: Duration = Duration::from_micros(500);

impl HistoryState {
    fn number(&mut self, id: &str) -> usize {
        match self.numbers.get(id) {
            Some(number) => *number,
            None => {
                let id: Arc<str> = id.into();
                self.ids.push(id.clone());
                self.numbers.insert(id, self.ids.len());
                self.ids.len()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(trace: bool) -> History {
        let spec = Spec { trace, alias: Some("job".into()), events_max: 100, ..Spec::new(1) };
        told_by(&spec)
    }

    fn told_by(spec: &Spec) -> History {
        History::new(vec!["ledger-1".into(), "user-1".into()], spec)
    }

    #[test]
    fn every_part_of_an_event_counts() {
        let events: [(u64, u16, Kind, &str, &[&str]); 6] = [
            (1, 0, Kind::Call, "a", &["b"]),
            (2, 0, Kind::Call, "a", &["b"]),
            (1, 1, Kind::Call, "a", &["b"]),
            (1, 0, Kind::Answer, "a", &["b"]),
            (1, 0, Kind::Call, "ab", &[""]),
            (1, 0, Kind::Call, "a", &["b", ""]),
        ];
        let mut fingerprints: Vec<_> = events
            .iter()
            .map(|(at, node, kind, id, parts)| {
                let history = history(false);
                history.record(Duration::from_nanos(*at), NodeIndex(*node), *kind, id, parts);
                history.fingerprint()
            })
            .collect();
        fingerprints.sort();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), events.len());
    }

    #[test]
    #[should_panic(expected = "made more than 100 events, the last by ledger-1: round")]
    fn what_goes_round_without_end_is_stopped() {
        let history = history(false);
        for _ in 0..=100 {
            history.record(Duration::ZERO, NodeIndex(0), Kind::Call, "", &["round"]);
        }
    }

    #[test]
    fn a_story_names_its_subjects_only_if_there_are_several() {
        let history = history(true);
        let at = Duration::from_micros(4_200);
        history.say(at, NodeIndex(0), "0197", "books: 2 of 5");
        assert_eq!(history.story().told(), ["   0.004  ledger-1    books: 2 of 5"]);
        assert_eq!(history.alias("0198"), "job-2");
        history.say(at, NodeIndex(1), "0198", "asks for job-2: 3 of 5");
        history.say(at, NodeIndex::FAULT, "", "cut user-1 -> ledger fires");
        assert_eq!(
            history.story().told(),
            [
                "   0.004  ledger-1    job-1 books: 2 of 5",
                "   0.004  user-1      asks for job-2: 3 of 5",
                "   0.004  fault       cut user-1 -> ledger fires",
            ]
        );
        assert_eq!((history.trace().len(), history.events()), (3, 3));
        assert!(history.trace()[1].contains("\"id\":\"job-2\""), "{:?}", history.trace());
    }

    #[test]
    fn without_an_alias_subjects_are_called_by_their_ids() {
        let history = told_by(&Spec { trace: true, ..Spec::new(1) });
        for id in ["0197", "0198", "0197"] {
            history.say(Duration::ZERO, NodeIndex(0), id, "is booked");
        }
        let story = history.story();
        let subjects: Vec<_> = story.lines.iter().map(|line| line.subject.as_str()).collect();
        assert_eq!((subjects, story.several), (vec!["0197", "0198", "0197"], true));
        assert_eq!(history.alias("0198"), "0198");
        assert!(history.trace()[2].contains("\"id\":\"0197\""), "{:?}", history.trace());
    }
}
