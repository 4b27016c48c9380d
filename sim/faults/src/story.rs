//! The story of a run: who did what when, line by line, as people read it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who tells of faults.
pub const FAULT: &str = "fault";

/// So many lines that say the same, one after the other, are told as one.
const SAME_MIN: usize = 4;

/// A whole story.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// What was done, in the sequence in which it was told.
    pub lines: Vec<StoryLine>,
    /// Whether it is about several subjects: then each line names its own.
    pub several: bool,
    /// The last line: how all ended.
    pub ending: Option<String>,
}

/// What one node did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryLine {
    /// Milliseconds since the storm began.
    pub at_ms: u64,
    /// A node, or [`FAULT`].
    pub who: String,
    /// What it is about, by the name that the story has for it: `job-3`; may be empty.
    pub subject: String,
    /// A verb and its objects: `books 42.00`.
    pub words: String,
}

impl Story {
    /// Whether nothing is told, because nobody asked.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.ending.is_none()
    }

    /// The same in the time of a storm that began at `zero`, without what came before.
    #[must_use]
    pub fn since(mut self, zero: Duration) -> Story {
        let zero = u64::try_from(zero.as_millis()).unwrap_or(u64::MAX);
        self.lines.retain(|line| line.at_ms >= zero);
        self.lines.iter_mut().for_each(|line| line.at_ms -= zero);
        self
    }

    /// The story as it is printed, line by line. What is done again and again is told once, with how often.
    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        for again in self.lines.chunk_by(StoryLine::is_again) {
            let ([first, .., last], SAME_MIN..) = (again, again.len()) else {
                told.extend(again.iter().map(|line| self.tell(line)));
                continue;
            };
            told.push(self.tell(first));
            let (more, seconds, rest) = (again.len() - 1, last.at_ms / 1000, last.at_ms % 1000);
            told.push(format!(
                "          …           {more} times more, the last at {seconds}.{rest:03}"
            ));
        }
        told.extend(self.ending.clone());
        told
    }

    /// One line as it is printed.
    pub fn tell(&self, line: &StoryLine) -> String {
        let StoryLine { at_ms, who, words, .. } = line;
        let (seconds, rest) = (at_ms / 1000, at_ms % 1000);
        match self.names(line) {
            Some(subject) => format!("{seconds:>4}.{rest:03}  {who:<12}{subject} {words}"),
            None => format!("{seconds:>4}.{rest:03}  {who:<12}{words}"),
        }
    }

    /// Whether a line, as it is printed, tells of this subject.
    pub fn is_of(&self, line: &StoryLine, subject: &str) -> bool {
        let is = |word: &str| word.trim_matches([',', ':', '.']) == subject;
        self.names(line) == Some(subject) || line.words.split(' ').any(is)
    }

    /// The subject that is put before a line's words, if they do not name it themselves.
    fn names<'a>(&self, line: &'a StoryLine) -> Option<&'a str> {
        let subject = line.subject.as_str();
        let named = self.several && !subject.is_empty() && !line.words.contains(subject);
        named.then_some(subject)
    }
}

impl StoryLine {
    fn is_again(&self, other: &StoryLine) -> bool {
        let told = |line: &StoryLine| (line.who.clone(), line.subject.clone(), line.words.clone());
        told(self) == told(other)
    }

    /// Whether it tells of a fault.
    pub fn is_fault(&self) -> bool {
        self.who == FAULT
    }
}

impl fmt::Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.told().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_again_and_again_is_told_once() {
        let line = |at_ms, words: &str| StoryLine {
            at_ms,
            who: "ledger".into(),
            subject: "job-1".into(),
            words: words.into(),
        };
        let asks = |count: u64| (1..=count).map(move |at| line(1000 * at, "asks"));
        let told = |lines: Vec<StoryLine>| Story { lines, ..Story::default() }.told();
        assert_eq!(told(asks(3).collect()).len(), 3);
        let mut lines: Vec<_> = asks(5).collect();
        lines.push(line(9_000, "gives up"));
        assert_eq!(
            told(lines),
            [
                "   1.000  ledger      asks",
                "          …           4 times more, the last at 5.000",
                "   9.000  ledger      gives up",
            ]
        );
    }

    #[test]
    fn subjects_are_named_only_where_there_are_several() {
        let line = |subject: &str, words: &str| StoryLine {
            at_ms: 4,
            who: "ledger".into(),
            subject: subject.into(),
            words: words.into(),
        };
        let lines = vec![line("job-1", "books 42.00"), line("job-2", "asks for job-2, again")];
        let mut story = Story { lines, several: false, ending: Some("at rest".into()) };
        assert_eq!(story.told()[0], "   0.004  ledger      books 42.00");
        assert!(!story.is_of(&story.lines[0], "job-1"));
        story.several = true;
        let told = "   0.004  ledger      job-1 books 42.00\n   0.004  ledger      asks for job-2, again\nat rest";
        assert_eq!(story.to_string(), told);
        assert!(story.is_of(&story.lines[0], "job-1") && story.is_of(&story.lines[1], "job-2"));
    }
}
