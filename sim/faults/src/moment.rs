//! Named moments: the points of a step that a fault can aim at.
//!
//! A moment is a side (before or after), an act and the act's name: `before call book`,
//! `after commit of entry BOOKED`, `before ack of entry.booked`. Nothing in a service marks them:
//! the bindings pass each one on their way, because calls, commits, publishes, acknowledgements
//! and mails carry their names.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in a node's work. In JSON it is as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    /// Before the act or after it.
    pub side: Side,
    /// What is done there.
    pub act: Act,
    /// The operation of a call, noun and state of a commit, the schema of a message.
    pub name: String,
}

/// Before the act has its effect, or after the effect and before its author knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The act has had no effect yet.
    Before,
    /// The act has had its effect, and its author does not know.
    After,
}

/// What a binding is about to do, or has just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// An HTTP request; after it the other service has answered.
    Call,
    /// A commit; after it the commit is durable.
    Commit,
    /// A publish; after it the broker has the message and its confirm is on the way.
    Publish,
    /// An acknowledgement; before it the effect has committed.
    Ack,
    /// A mail; after it the mail server has taken it.
    Mail,
}

impl Act {
    /// Every act with its words between the side and the name.
    const WORDS: [(Act, &'static str); 5] = [
        (Act::Call, "call"),
        (Act::Commit, "commit of"),
        (Act::Publish, "publish of"),
        (Act::Ack, "ack of"),
        (Act::Mail, "mail of"),
    ];

    /// The words between the side and the name.
    pub fn words(self) -> &'static str {
        let row = Act::WORDS.iter().find(|(act, _)| *act == self);
        row.expect("every act has its words").1
    }
}

impl Side {
    /// The word that a moment begins with.
    pub fn word(self) -> &'static str {
        match self {
            Side::Before => "before",
            Side::After => "after",
        }
    }
}

impl Moment {
    /// The moment on this side of an act of this name.
    pub fn new(side: Side, act: Act, name: impl Into<String>) -> Moment {
        Moment { side, act, name: name.into() }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.side.word(), self.act.words(), self.name)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> String {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Moment, String> {
        text.parse()
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let expected = || {
            format!(
                "moment {text:?}: expected `before` or `after`, then `call <operation>`, \
                 `commit of <noun> <STATE>`, `publish of <schema>`, `ack of <schema>` or \
                 `mail of <template>`, such as `after commit of entry BOOKED`"
            )
        };
        let (side, rest) = text.split_once(' ').ok_or_else(expected)?;
        let side = match side {
            "before" => Side::Before,
            "after" => Side::After,
            _ => return Err(expected()),
        };
        for (act, words) in Act::WORDS {
            if let Some(name) = rest.strip_prefix(words).and_then(|rest| rest.strip_prefix(' ')) {
                return Ok(Moment::new(side, act, name));
            }
        }
        Err(expected())
    }
}

/// A node passed a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The node's service, or the node itself where it is of none.
    pub service: String,
    /// The moment that it passed.
    pub moment: Moment,
    /// Which time it was (from 1) that this service did.
    pub nth: u32,
    /// Which time it was (from 1) that anybody did.
    pub nth_of_all: u32,
    /// Since the world began.
    pub at: Duration,
    /// How many events there were before. Passages of one node with as many are at one instant:
    /// nothing has happened in between, so a fault at the one is the same fault at the other.
    pub instant: u64,
}

impl Passage {
    /// The same in the time of a storm that began at `zero`; none from before it.
    pub fn since(self, zero: Duration) -> Option<Passage> {
        self.at.checked_sub(zero).map(|at| Passage { at, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_they_are_written() {
        for text in [
            "before call book",
            "after commit of entry BOOKED",
            "after publish of entry.asked",
            "before ack of entry.booked",
            "after mail of summary",
        ] {
            assert_eq!(text.parse::<Moment>().expect("well formed").to_string(), text);
        }
        assert!("during call book".parse::<Moment>().is_err());
        assert!("after party".parse::<Moment>().is_err());
    }
}
