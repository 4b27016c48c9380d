//! The table of fault kinds that any system of services, queues and databases can suffer.
//!
//! A new kind is a row here and code where it strikes; nothing else knows it by name.

use crate::moment::{Act, Side};
use crate::row::{Drawn, EVERY_MOMENT, FaultRow, Nature, TargetForm, Timing};

const USUAL: Drawn = FaultRow::USUAL.drawn;
/// Slowness: between what nobody minds and what is nearly a cut.
const SLOW: Drawn = Drawn { lasting_ms: (1_000, 20_000), by_ms: (5, 900), ..USUAL };
/// Leases of twenty seconds are common: some pauses outlast them.
const PAUSE: Drawn =
    Drawn { lasting_ms: (100, 8_000), long_ms: Some((0.4, (20_500, 32_000))), ..USUAL };
const LATE_MESSAGE: Drawn = Drawn { by_ms: (100, 30_000), ..USUAL };

const BEFORE_CALL: &[(Side, Act)] = &[(Side::Before, Act::Call)];
const BEFORE_COMMIT: &[(Side, Act)] = &[(Side::Before, Act::Commit)];

crate::fault_kinds! {
    /// What can go wrong. Nodes, services, databases and queues are named as in scenarios; a
    /// service's name stands for all its replicas, or, at a named moment, for the replica that
    /// passes it.
    pub enum FaultKind {
        Crash: "crash", "crash",
            "power cut: no goodbye; a database or the broker keeps what it had synced" => {
                target: TargetForm::Node,
                timing: Timing::Once,
                nature: Nature::Process,
                needs: &["restart"],
                aims: EVERY_MOMENT,
            }
        Stop: "stop", "stop",
            "clean exit: peers see the end of their connections" => {
                target: TargetForm::Node,
                timing: Timing::Once,
                nature: Nature::Process,
                needs: &["restart"],
                aims: EVERY_MOMENT,
            }
        Pause: "pause", "pause",
            "the node stands still, longer than a lease, then goes on" => {
                target: TargetForm::Node,
                timing: Timing::Once,
                nature: Nature::Process,
                needs: &["for"],
                aims: EVERY_MOMENT,
                drawn: PAUSE,
            }
        Slow: "slow", "slow",
            "everything the node does takes longer" => {
                target: TargetForm::Node,
                timing: Timing::Window,
                nature: Nature::Condition,
                needs: &["until", "by"],
                drawn: SLOW,
            }
        Cut: "cut", "cut",
            "nothing passes between two nodes, in one or both directions" => {
                target: TargetForm::Way,
                timing: Timing::Window,
                nature: Nature::Condition,
                needs: &["until"],
            }
        SlowLink: "slow_link", "slow link",
            "everything between two nodes takes longer" => {
                target: TargetForm::Pair,
                timing: Timing::Window,
                nature: Nature::Condition,
                needs: &["until", "by"],
                drawn: SLOW,
            }
        ConnectHangs: "connect_hangs", "connect hangs",
            "a connection attempt gets no answer" => {
                target: TargetForm::Connection,
                aims: BEFORE_CALL,
                // Who does not answer connections does not answer the next one either.
                times: u32::MAX,
            }
        ReplyLost: "reply_lost", "reply lost",
            "the request has its effect, the answer never arrives" => {
                target: TargetForm::Call,
                may: &["of"],
                aims: &[(Side::After, Act::Call)],
            }
        RequestLate: "request_late", "request late",
            "the request arrives after its caller gave up" => {
                target: TargetForm::Call,
                needs: &["by"],
                may: &["of"],
                aims: BEFORE_CALL,
            }
        RequestTwice: "request_twice", "request twice",
            "the request arrives twice" => {
                target: TargetForm::Call,
                needs: &["by"],
                may: &["of"],
                aims: BEFORE_CALL,
            }
        ConfirmLost: "confirm_lost", "confirm lost",
            "the broker has the message, its confirm never arrives" => {
                aims: &[(Side::After, Act::Publish)],
            }
        MessageTwice: "message_twice", "message twice",
            "the queue holds the message twice" => {}
        MessageLate: "message_late", "message late",
            "the message reaches its queue late" => {
                needs: &["by"],
                drawn: LATE_MESSAGE,
            }
        MessageReturned: "message_returned", "message returned",
            "no queue takes the message, its publisher gets it back" => {
                generation: 2,
            }
        MessagesReordered: "messages_reordered", "messages reordered",
            "what waits in the queue is shuffled" => {
                // Two have to wait in one queue.
                is_swept: false,
            }
        ConnectionLostBeforeCommit: "connection_lost_before_commit",
            "connection lost before commit", "the transaction is rolled back" => {
                target: TargetForm::Database,
                aims: BEFORE_COMMIT,
            }
        ConnectionLostAfterCommit: "connection_lost_after_commit",
            "connection lost after commit",
            "the transaction is committed, its author does not know" => {
                target: TargetForm::Database,
                aims: &[(Side::After, Act::Commit)],
            }
        SerializationFailure: "serialization_failure", "serialization failure",
            "the database undoes the transaction in favour of another" => {
                target: TargetForm::Database,
                aims: BEFORE_COMMIT,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_in_two_spellings() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.key(), kind.name().replace(' ', "_"));
            assert_eq!(FaultKind::of_key(kind.key()), Some(*kind));
        }
    }

    #[test]
    fn a_row_says_nothing_that_its_nature_contradicts() {
        for row in FaultKind::ALL.iter().map(|kind| kind.row()) {
            let name = row.name;
            assert_eq!(row.nature == Nature::Process, row.timing == Timing::Once, "{name}");
            assert_eq!(row.nature == Nature::Condition, row.timing == Timing::Window, "{name}");
            let amounts = row.needs.iter().filter(|key| ["restart", "for", "by"].contains(key));
            assert!(amounts.count() <= 1, "{name} has one amount");
            assert!(row.nature != Nature::Condition || row.aims.is_empty(), "{name}");
        }
    }
}
