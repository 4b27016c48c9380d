//! What each kind of fault needs to be told, in one table.

use crate::storm::moment::{Act, Side};

/// What a fault is aimed at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Node,
    /// Two ends and a direction.
    Link,
    /// Two ends, the first of which connects to the second.
    Connection,
    /// Two ends, the first of which asks something of the second.
    Call,
    Queue,
    Database,
    Order,
    Bank,
}

/// How a fault is told when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// `at` a time, or `when` a moment comes.
    Once,
    /// `at` a time.
    Time,
    /// `from` a time `until` another.
    Window,
    /// The next `times` operations, `from` a time `until` another; or `when` a moment comes.
    Operations,
    /// `when` an order has a status.
    Status,
}

/// One kind of fault, as it is written.
pub struct Shape {
    pub key: &'static str,
    pub target: Target,
    pub timing: Timing,
    /// Keys that must be there.
    pub needs: &'static [&'static str],
    /// Keys that may be there, besides those of the timing.
    pub may: &'static [&'static str],
}

/// Every kind of fault.
pub const SHAPES: [Shape; 23] = [
    shape("crash", Target::Node, Timing::Once, &["restart"], &[]),
    shape("stop", Target::Node, Timing::Once, &["restart"], &[]),
    shape("pause", Target::Node, Timing::Once, &["for"], &[]),
    shape("slow", Target::Node, Timing::Window, &["until", "by"], &[]),
    shape("cut", Target::Link, Timing::Window, &["until"], &[]),
    shape("slow_link", Target::Link, Timing::Window, &["until", "by"], &[]),
    shape("connect_hangs", Target::Connection, Timing::Operations, &[], &[]),
    shape("reply_lost", Target::Call, Timing::Operations, &[], &["of"]),
    shape("request_late", Target::Call, Timing::Operations, &["by"], &["of"]),
    shape("request_twice", Target::Call, Timing::Operations, &["by"], &["of"]),
    shape("confirm_lost", Target::Queue, Timing::Operations, &[], &[]),
    shape("message_twice", Target::Queue, Timing::Operations, &[], &[]),
    shape("message_late", Target::Queue, Timing::Operations, &["by"], &[]),
    shape("messages_reordered", Target::Queue, Timing::Operations, &[], &[]),
    shape("connection_lost_before_commit", Target::Database, Timing::Operations, &[], &[]),
    shape("connection_lost_after_commit", Target::Database, Timing::Operations, &[], &[]),
    shape("serialization_failure", Target::Database, Timing::Operations, &[], &[]),
    shape("lose_parcel", Target::Order, Timing::Status, &[], &["after"]),
    shape("find_parcel", Target::Order, Timing::Status, &[], &["after"]),
    shape("bank_closed", Target::Bank, Timing::Time, &["at", "for"], &[]),
    shape("close_account", Target::Order, Timing::Status, &[], &["after", "reopen"]),
    shape("poison", Target::Queue, Timing::Time, &["at"], &[]),
    shape("message_returned", Target::Queue, Timing::Operations, &[], &[]),
];

const fn shape(
    key: &'static str,
    target: Target,
    timing: Timing,
    needs: &'static [&'static str],
    may: &'static [&'static str],
) -> Shape {
    Shape { key, target, timing, needs, may }
}

impl Shape {
    /// The moments that a fault of this kind can be aimed at: where its operation can go wrong.
    pub fn aims(&self) -> &'static [(Side, Act)] {
        use Act::{Ack, Call, Commit, Mail, Publish};
        use Side::{After, Before};
        match self.key {
            "crash" | "stop" | "pause" => &[
                (Before, Call),
                (After, Call),
                (Before, Commit),
                (After, Commit),
                (Before, Publish),
                (After, Publish),
                (Before, Ack),
                (After, Ack),
                (Before, Mail),
                (After, Mail),
            ],
            "reply_lost" => &[(After, Call)],
            "connect_hangs" | "request_late" | "request_twice" => &[(Before, Call)],
            "confirm_lost" => &[(After, Publish)],
            "connection_lost_before_commit" | "serialization_failure" => &[(Before, Commit)],
            "connection_lost_after_commit" => &[(After, Commit)],
            _ => &[],
        }
    }
}

impl Timing {
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Timing::Once => &["at", "when", "nth"],
            Timing::Time => &["at"],
            Timing::Window => &["from", "until"],
            Timing::Operations => &["from", "until", "times", "when", "nth"],
            Timing::Status => &["when"],
        }
    }
}
