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
use stormproof_ports::trace::hex;

use crate::lock;
use crate::node::NodeIndex;

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
    /// What it is about: an operation, an order, a message's schema; may be empty.
    pub id: String,
    pub kind: Kind,
    pub node: String,
    pub what: Vec<String>,
}

/// The events of one run.
pub struct History {
    /// The nodes' names by their index.
    names: Vec<Arc<str>>,
    state: Mutex<State>,
}

struct State {
    chain: Sha256,
    events: u64,
    events_max: u64,
    /// An event as it is hashed; kept for its capacity.
    bytes: Vec<u8>,
    /// Orders by id, numbered from 1.
    aliases: BTreeMap<Box<str>, usize>,
    lines: Vec<Line>,
    trace: Option<Vec<String>>,
}

struct Line {
    at: Duration,
    node: NodeIndex,
    /// The order's number, or 0.
    order: usize,
    words: Box<str>,
}

impl History {
    /// Keeps a trace if asked to; panics at the event after `events_max`.
    pub(super) fn new(names: Vec<Arc<str>>, trace: bool, events_max: u64) -> History {
        let state = State {
            chain: Sha256::new(),
            events: 0,
            events_max,
            bytes: Vec::new(),
            aliases: BTreeMap::new(),
            lines: Vec::new(),
            trace: trace.then(Vec::new),
        };
        History { names, state: Mutex::new(state) }
    }

    /// Records an event; `id` says what it is about (an order, a message) and may be empty.
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
    }

    /// Records a line of the story. An order that is new to it gets the next alias.
    pub(super) fn say(&self, at: Duration, node: NodeIndex, order: &str, words: &str) {
        let kind = if node == NodeIndex::FAULT { Kind::Fault } else { Kind::Story };
        self.record(at, node, kind, order, &[words]);
        let state = &mut *lock(&self.state);
        let order = if order.is_empty() { 0 } else { state.number(order) };
        state.lines.push(Line { at, node, order, words: words.into() });
    }

    /// `order-1`, `order-2` …: the name of an order in the story, by first mention.
    pub fn alias(&self, id: &str) -> String {
        alias(lock(&self.state).number(id))
    }

    /// The story since the world began, without an ending.
    pub fn story(&self) -> Story {
        let state = lock(&self.state);
        let line = |line: &Line| StoryLine {
            at_ms: u64::try_from((line.at + HALF_MS).as_millis()).expect("a run is short"),
            who: self.name(line.node).to_owned(),
            subject: if line.order > 0 { alias(line.order) } else { String::new() },
            words: line.words.to_string(),
        };
        let lines = state.lines.iter().map(line).collect();
        Story { lines, several: state.aliases.len() > 1, ending: None }
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

    fn name(&self, node: NodeIndex) -> &str {
        self.names.get(usize::from(node.0)).map_or(FAULT, |name| name)
    }

    fn json(
        &self,
        state: &State,
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
            id: match state.aliases.get(id) {
                Some(number) => alias(*number),
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

fn alias(number: usize) -> String {
    format!("order-{number}")
}

impl State {
    fn number(&mut self, id: &str) -> usize {
        match self.aliases.get(id) {
            Some(number) => *number,
            None => {
                let number = self.aliases.len() + 1;
                self.aliases.insert(id.into(), number);
                number
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(trace: bool) -> History {
        History::new(vec!["store-1".into(), "customer-1".into()], trace, 100)
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
    #[should_panic(expected = "made more than 100 events, the last by store-1: round")]
    fn what_goes_round_without_end_is_stopped() {
        let history = history(false);
        for _ in 0..=100 {
            history.record(Duration::ZERO, NodeIndex(0), Kind::Call, "", &["round"]);
        }
    }

    #[test]
    fn a_story_names_its_orders_only_if_there_are_several() {
        let history = history(true);
        let at = Duration::from_micros(4_200);
        history.say(at, NodeIndex(0), "0197", "reserves: sydney 2 teapot");
        assert_eq!(history.story().told(), ["   0.004  store-1     reserves: sydney 2 teapot"]);
        assert_eq!(history.alias("0198"), "order-2");
        history.say(at, NodeIndex(1), "0198", "places order-2: 2 teapot, 42.00");
        history.say(at, NodeIndex::FAULT, "", "cut bank -> store fires");
        assert_eq!(
            history.story().told(),
            [
                "   0.004  store-1     order-1 reserves: sydney 2 teapot",
                "   0.004  customer-1  places order-2: 2 teapot, 42.00",
                "   0.004  fault       cut bank -> store fires",
            ]
        );
        assert_eq!((history.trace().len(), history.events()), (3, 3));
        assert!(history.trace()[1].contains("\"id\":\"order-2\""), "{:?}", history.trace());
    }
}
