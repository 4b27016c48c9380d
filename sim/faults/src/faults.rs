//! Faults as data: what goes wrong, where, and when. Never a draw made on the way.
//!
//! In scenarios times count from the start of the storm, in a world from its beginning.

use std::fmt;
use std::time::Duration;

use crate::kinds::FaultKind;
use crate::moment::Moment;
use crate::row::Nature;

/// One thing that goes wrong. Its words are those of the story: `cut a -> b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// What it is aimed at, in the form that the kind's row asks for.
    pub target: Target,
    /// How long it lasts, how soon the node is back, or by how much something is later, as the
    /// kind's row says; zero where it says nothing.
    pub amount: Duration,
    /// When it strikes.
    pub when: When,
}

/// What goes wrong: nodes, services, databases and queues by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A node, or a service for all its replicas.
    Node(String),
    /// From one to the other, and back too if `both`.
    Link {
        /// The one end.
        from: String,
        /// The other.
        to: String,
        /// Whether the way back suffers as well.
        both: bool,
    },
    /// What one asks of the other; any operation unless it is named.
    Call {
        /// Who asks.
        from: String,
        /// Who is asked.
        to: String,
        /// What is asked.
        operation: Option<String>,
    },
    /// A queue of the broker.
    Queue(String),
    /// A database, at a commit.
    Database(String),
}

/// After every run's end.
pub const FOREVER: Duration = Duration::from_secs(31_536_000);

/// When it goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Once, at this time.
    At(Duration),
    /// From one time until another: a condition, or the next `times` operations that it fits.
    During {
        /// The time at which it begins.
        from: Duration,
        /// The time before which it ends.
        until: Duration,
        /// How many operations it hits; of no meaning for a condition.
        times: u32,
    },
    /// The `nth` time (from 1) that the node passes the moment.
    Moment {
        /// The point of the node's work.
        moment: Moment,
        /// Which pass strikes, counted from 1.
        nth: u32,
    },
}

impl Fault {
    /// A fault of no amount, at the beginning of time.
    pub fn new(kind: FaultKind, target: Target) -> Fault {
        Fault { kind, target, amount: Duration::ZERO, when: When::At(Duration::ZERO) }
    }

    /// The same with this amount: how long, how soon back, or how much later.
    #[must_use]
    pub fn by(self, amount: Duration) -> Fault {
        Fault { amount, ..self }
    }

    /// The same at another time.
    #[must_use]
    pub fn when(self, when: When) -> Fault {
        Fault { when, ..self }
    }

    /// When it is over, if its times are told; else how long it lasts.
    pub fn end(&self) -> Duration {
        let lasts = if self.is_of_process() { self.amount } else { Duration::ZERO };
        match &self.when {
            When::At(at) => *at + lasts,
            // Only a condition lasts; operations are hit or not.
            When::During { until, times: u32::MAX, .. } => *until,
            When::During { from, .. } => *from,
            When::Moment { .. } => lasts,
        }
    }

    /// The same, so much later: in a world's time, if the storm begins then.
    #[must_use]
    pub fn later(self, by: Duration) -> Fault {
        Fault { when: self.when.later(by), ..self }
    }

    /// Whether it ends or halts a node.
    pub fn is_of_process(&self) -> bool {
        self.kind.row().nature == Nature::Process
    }
}

impl When {
    /// The same, so much later; a moment comes when it comes.
    #[must_use]
    pub fn later(self, by: Duration) -> When {
        match self {
            When::At(at) => When::At(at + by),
            When::During { from, until, times } => {
                When::During { from: from + by, until: until + by, times }
            }
            When::Moment { .. } => self,
        }
    }
}

impl Target {
    /// A node, or a service for all its replicas.
    pub fn node(name: impl Into<String>) -> Target {
        Target::Node(name.into())
    }

    /// One direction between two nodes.
    pub fn link(from: impl Into<String>, to: impl Into<String>) -> Target {
        Target::Link { from: from.into(), to: to.into(), both: false }
    }

    /// Everything that one asks of the other.
    pub fn call(from: impl Into<String>, to: impl Into<String>) -> Target {
        Target::Call { from: from.into(), to: to.into(), operation: None }
    }

    /// The queue, if it is one.
    pub fn queue(&self) -> Option<&str> {
        match self {
            Target::Queue(queue) => Some(queue),
            _ => None,
        }
    }

    /// Who passes its moments: the node, the caller, or none but the target itself.
    pub fn author(&self) -> &str {
        match self {
            Target::Link { from, .. } | Target::Call { from, .. } => from,
            Target::Node(name) | Target::Queue(name) | Target::Database(name) => name,
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::At(at) => write!(formatter, "at {at:?}"),
            When::During { from: Duration::ZERO, until: FOREVER, .. } => {
                formatter.write_str("at any time")
            }
            When::During { from, until: FOREVER, .. } => write!(formatter, "from {from:?}"),
            When::During { from, until, .. } => write!(formatter, "from {from:?} until {until:?}"),
            When::Moment { moment, nth: 1 } => moment.fmt(formatter),
            When::Moment { moment, nth } => write!(formatter, "{moment}, time {nth}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind.name();
        match &self.target {
            Target::Node(node) => write!(formatter, "{name} {node}"),
            Target::Link { from, to, both: true } => write!(formatter, "{name} {from} <-> {to}"),
            Target::Link { from, to, .. } => write!(formatter, "{name} {from} -> {to}"),
            Target::Call { from, to, operation } => {
                let operation = operation.as_deref().unwrap_or("any");
                write!(formatter, "{name} {from} -> {to}: {operation}")
            }
            Target::Queue(queue) => write!(formatter, "{name} in {queue}"),
            Target::Database(database) => write!(formatter, "{name} at {database}"),
        }
    }
}
