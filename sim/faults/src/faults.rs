//! Faults as data: what goes wrong, where, and when. Never a draw made on the way.
//!
//! Each kind has one name. In scenarios times count from the start of the storm, in a world from its
//! beginning.

use std::fmt;
use std::time::Duration;

use super::moment::Moment;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: Kind,
    pub when: When,
}

/// After every run's end.
pub const FOREVER: Duration = Duration::from_secs(31_536_000);

/// When it goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Once, at this time.
    At(Duration),
    /// From one time until another: a condition, or the next `times` operations that it fits.
    During { from: Duration, until: Duration, times: u32 },
    /// The `nth` time (from 1) that the node passes the moment.
    Moment { moment: Moment, nth: u32 },
}

/// What goes wrong. Nodes, services, databases and queues are named as in scenarios; a service's
/// name stands for all its replicas, or, at a named moment, for the replica that passes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Power cut: no goodbye. A database or the broker keeps what it had synced.
    Crash { node: String, restart: Duration },
    /// Clean exit: peers see the end of their connections.
    Stop { node: String, restart: Duration },
    /// The node stands still, then goes on as if nothing had been.
    Pause { node: String, length: Duration },
    /// Everything the node does takes longer by this much.
    Slow { node: String, by: Duration },
    /// Nothing passes from one to the other, and back too if `both`.
    Cut { from: String, to: String, both: bool },
    /// Everything between them takes longer by this much, each way.
    SlowLink { from: String, to: String, by: Duration },
    /// A connection attempt gets no answer.
    ConnectHangs { from: String, to: String },
    /// The request has its effect, the answer never arrives.
    ReplyLost { from: String, to: String, operation: Option<String> },
    /// The request arrives this much later, after its caller gave up.
    RequestLate { from: String, to: String, operation: Option<String>, by: Duration },
    /// The request arrives twice, the second time later by this much.
    RequestTwice { from: String, to: String, operation: Option<String>, by: Duration },
    /// The broker has the message, its confirm never arrives.
    ConfirmLost { queue: String },
    /// The queue holds the message twice.
    MessageTwice { queue: String },
    /// The message reaches its queue this much later.
    MessageLate { queue: String, by: Duration },
    /// No queue takes the message, as if its binding were gone: its publisher gets it back.
    MessageReturned { queue: String },
    /// What waits in the queue is shuffled.
    MessagesReordered { queue: String },
    /// The connection is lost before the commit: rolled back.
    ConnectionLostBeforeCommit { database: String },
    /// The connection is lost after the commit: its author does not know.
    ConnectionLostAfterCommit { database: String },
    /// The database undoes the transaction in favour of another.
    SerializationFailure { database: String },
}

/// Name and meaning of every kind, in the order of `world.md`'s table.
pub const KINDS: [(&str, &str); 18] = [
    ("crash", "power cut: no goodbye; a database or the broker keeps what it had synced"),
    ("stop", "clean exit: peers see the end of their connections"),
    ("pause", "the node stands still, longer than a lease, then goes on"),
    ("slow", "everything the node does takes longer"),
    ("cut", "nothing passes between two nodes, in one or both directions"),
    ("slow link", "everything between two nodes takes longer"),
    ("connect hangs", "a connection attempt gets no answer"),
    ("reply lost", "the request has its effect, the answer never arrives"),
    ("request late", "the request arrives after its caller gave up"),
    ("request twice", "the request arrives twice"),
    ("confirm lost", "the broker has the message, its confirm never arrives"),
    ("message twice", "the queue holds the message twice"),
    ("message late", "the message reaches its queue late"),
    ("message returned", "no queue takes the message, its publisher gets it back"),
    ("messages reordered", "what waits in the queue is shuffled"),
    ("connection lost before commit", "the transaction is rolled back"),
    ("connection lost after commit", "the transaction is committed, its author does not know"),
    ("serialization failure", "the database undoes the transaction in favour of another"),
];

impl Kind {
    /// The name in reports, counters and `cargo sim list faults`.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Crash { .. } => "crash",
            Kind::Stop { .. } => "stop",
            Kind::Pause { .. } => "pause",
            Kind::Slow { .. } => "slow",
            Kind::Cut { .. } => "cut",
            Kind::SlowLink { .. } => "slow link",
            Kind::ConnectHangs { .. } => "connect hangs",
            Kind::ReplyLost { .. } => "reply lost",
            Kind::RequestLate { .. } => "request late",
            Kind::RequestTwice { .. } => "request twice",
            Kind::ConfirmLost { .. } => "confirm lost",
            Kind::MessageTwice { .. } => "message twice",
            Kind::MessageLate { .. } => "message late",
            Kind::MessageReturned { .. } => "message returned",
            Kind::MessagesReordered { .. } => "messages reordered",
            Kind::ConnectionLostBeforeCommit { .. } => "connection lost before commit",
            Kind::ConnectionLostAfterCommit { .. } => "connection lost after commit",
            Kind::SerializationFailure { .. } => "serialization failure",
        }
    }
}

impl Kind {
    /// Whether it ends or halts a node.
    pub fn is_of_process(&self) -> bool {
        matches!(self, Kind::Crash { .. } | Kind::Stop { .. } | Kind::Pause { .. })
    }

    /// The node that it ends or halts.
    pub fn process_node_mut(&mut self) -> Option<&mut String> {
        match self {
            Kind::Crash { node, .. } | Kind::Stop { node, .. } | Kind::Pause { node, .. } => {
                Some(node)
            }
            _ => None,
        }
    }

    /// The queue whose messages it harms.
    pub fn queue(&self) -> Option<&str> {
        match self {
            Kind::ConfirmLost { queue }
            | Kind::MessageTwice { queue }
            | Kind::MessageLate { queue, .. }
            | Kind::MessageReturned { queue }
            | Kind::MessagesReordered { queue } => Some(queue),
            _ => None,
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

/// The words of the story: `cut bank -> store`.
impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Kind::Crash { node, .. }
            | Kind::Stop { node, .. }
            | Kind::Pause { node, .. }
            | Kind::Slow { node, .. } => write!(formatter, "{name} {node}"),
            Kind::Cut { from, to, both: true } => write!(formatter, "{name} {from} <-> {to}"),
            Kind::Cut { from, to, .. }
            | Kind::SlowLink { from, to, .. }
            | Kind::ConnectHangs { from, to } => write!(formatter, "{name} {from} -> {to}"),
            Kind::ReplyLost { from, to, operation }
            | Kind::RequestLate { from, to, operation, .. }
            | Kind::RequestTwice { from, to, operation, .. } => {
                let operation = operation.as_deref().unwrap_or("any");
                write!(formatter, "{name} {from} -> {to}: {operation}")
            }
            Kind::ConfirmLost { queue }
            | Kind::MessageTwice { queue }
            | Kind::MessageLate { queue, .. }
            | Kind::MessageReturned { queue }
            | Kind::MessagesReordered { queue } => write!(formatter, "{name} in {queue}"),
            Kind::ConnectionLostBeforeCommit { database }
            | Kind::ConnectionLostAfterCommit { database }
            | Kind::SerializationFailure { database } => write!(formatter, "{name} at {database}"),
        }
    }
}
