//! How often services asked each other the same of one order: for the judgement of who asks too often.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use stormproof_ports::{Call, trace};

/// The time in which questions are counted together.
pub const HOUR: Duration = Duration::from_secs(3600);

/// What was asked, by the trace that it was asked in and the operation.
#[derive(Clone, Debug, Default)]
pub struct Questions(BTreeMap<String, BTreeMap<String, Pace>>);

/// How often one thing was asked.
#[derive(Clone, Debug, Default)]
struct Pace {
    /// When, within the last hour of it.
    recent: VecDeque<Duration>,
    /// The most within any hour, and when that had been reached.
    most: usize,
    reached_at: Duration,
}

/// The most that was asked of one order within an hour.
#[derive(Clone, Copy, Debug)]
pub struct Most<'a> {
    pub operation: &'a str,
    pub times: usize,
    /// The end of that hour.
    pub at: Duration,
}

impl Questions {
    /// A request leaves. Of those without a trace nobody can tell what they are about.
    pub fn hear(&mut self, at: Duration, call: &Call) {
        let parent = call.headers.get("traceparent").and_then(|parent| parent.to_str().ok());
        let Some(trace) = parent.and_then(trace_id) else { return };
        let asked = match self.0.get_mut(trace) {
            Some(asked) => asked,
            None => self.0.entry(trace.to_owned()).or_default(),
        };
        let pace = match asked.get_mut(&*call.operation) {
            Some(pace) => pace,
            None => asked.entry(call.operation.to_string()).or_default(),
        };
        pace.recent.push_back(at);
        while pace.recent.front().is_some_and(|first| *first + HOUR <= at) {
            pace.recent.pop_front();
        }
        if pace.recent.len() > pace.most {
            (pace.most, pace.reached_at) = (pace.recent.len(), at);
        }
    }

    /// What was asked of `order`, each at its busiest.
    pub fn of(&self, order: &str) -> impl Iterator<Item = Most<'_>> {
        let parent = trace::parent(order, "");
        let asked = trace_id(&parent).and_then(|trace| self.0.get(trace));
        asked.into_iter().flatten().map(|(operation, pace)| Most {
            operation,
            times: pace.most,
            at: pace.reached_at,
        })
    }
}

/// The trace id of a `traceparent`.
fn trace_id(parent: &str) -> Option<&str> {
    parent.split('-').nth(1)
}
