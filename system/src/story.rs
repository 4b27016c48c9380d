//! The story: every step and state change in words, the same in the log, the history and the
//! snapshots.
//!
//! A [`Fact`] becomes true with a commit and is told after it; [`say`] tells what needs no commit
//! (a call that got no answer). Both are `tracing` events of target [`TARGET`] with the fields
//! `order` and `message`. Words hold no ids and no secrets; the order is a field.

/// The target of all story lines.
pub const TARGET: &str = "story";

/// Something that a commit makes true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What moved: `order`, `payment`, `reservation`, `parcel`, `saga`, `mail`, …
    pub noun: &'static str,
    /// Where it moved to: `PAID`, `HELD`, …
    pub state: &'static str,
    /// The order that it belongs to; empty if to none.
    pub order: String,
    /// A verb and its objects: `debits 42.00`. Empty: not worth a line.
    pub words: String,
}

impl Fact {
    pub fn new(
        noun: &'static str,
        state: &'static str,
        order: impl ToString,
        words: impl Into<String>,
    ) -> Fact {
        Fact { noun, state, order: order.to_string(), words: words.into() }
    }

    /// Tells the fact, once it is one.
    pub fn tell(&self) {
        if !self.words.is_empty() {
            say(&self.order, &self.words);
        }
    }
}

/// Tells a step of `order`'s story that needs no commit.
pub fn say(order: &str, words: &str) {
    tracing::info!(target: "story", order, "{words}");
}
