//! The way between two nodes: what conditions do to it. And whom a fault's name means.

use std::time::Duration;

use stormproof_sim::shop::map;
use stormproof_sim::storm::{Fault, FaultKind, Target};

/// One direction between two nodes, as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Nothing passes.
    pub cut: bool,
    /// What passes takes this much longer, in the scenario's time.
    pub delay: Duration,
    /// Attempts to connect get no answer.
    pub hangs: bool,
}

impl Way {
    /// What a condition of this kind does between the two.
    pub fn add(&mut self, fault: &Fault, from: &str, to: &str) {
        let between = |a: &str, b: &str| is(from, a) && is(to, b);
        match (fault.kind, &fault.target) {
            (FaultKind::Cut, Target::Link { from: a, to: b, both }) => {
                self.cut |= between(a, b) || *both && between(b, a);
            }
            (FaultKind::SlowLink, Target::Link { from: a, to: b, .. })
                if between(a, b) || between(b, a) =>
            {
                self.delay += fault.amount;
            }
            (FaultKind::Slow, Target::Node(node)) if is(from, node) || is(to, node) => {
                self.delay += fault.amount;
            }
            (FaultKind::ConnectHangs, Target::Link { from: a, to: b, .. }) => {
                self.hangs |= between(a, b);
            }
            _ => {}
        }
    }
}

/// Whether `node`, which always has its number, is meant by `name`.
pub fn is(node: &str, name: &str) -> bool {
    node == name || map::service_of(node) == name
}

/// Whether a fault of processes ends, at once, the connection on which its moment was passed. Who stands
/// still goes on later, and who is asked to stop finishes what it is at.
pub fn is_end(fault: &Fault) -> bool {
    match (fault.kind, &fault.target) {
        (FaultKind::Crash, _) => true,
        (FaultKind::Stop, Target::Node(node)) => is_foreign(node),
        _ => false,
    }
}

/// Whether `node` is a server that the shop only uses: a database, the broker, the mail server.
pub fn is_foreign(node: &str) -> bool {
    matches!(node, map::BROKER | map::MAIL) || map::service_of_database(node) != node
}
