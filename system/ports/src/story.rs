//! The story: every step and state change in words, the same in the log, the history and the
//! snapshots.
//!
//! A [`Fact`] becomes true with a commit and is told after it; [`say`] tells what needs no commit
//! (a call that got no answer). Both are `tracing` events of target [`TARGET`] with the fields
//! `subject` and `message`. Words hold no ids and no secrets; the subject is a field.

/// The target of all story lines.
pub const TARGET: &str = "story";

/// Something that a commit makes true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What moved: a kind of thing, such as `account` or `job`.
    pub noun: &'static str,
    /// Where it moved to: `OPEN`, `DONE`, …
    pub state: &'static str,
    /// What it belongs to, such as the id of an aggregate; empty if to none.
    pub subject: String,
    /// A verb and its objects: `charges 42.00`. Empty: not worth a line.
    pub words: String,
}

impl Fact {
    /// A fact about `subject`; empty words are not told.
    pub fn new(
        noun: &'static str,
        state: &'static str,
        subject: impl ToString,
        words: impl Into<String>,
    ) -> Fact {
        Fact { noun, state, subject: subject.to_string(), words: words.into() }
    }

    /// Tells the fact, once it is one.
    pub fn tell(&self) {
        if !self.words.is_empty() {
            say(&self.subject, &self.words);
        }
    }
}

/// Tells a step of `subject`'s story that needs no commit.
pub fn say(subject: &str, words: &str) {
    tracing::info!(target: TARGET, subject, "{words}");
}
