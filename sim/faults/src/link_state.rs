//! What faults make of the way from one node to another.

use std::time::Duration;

use crate::faults::{Fault, Target};
use crate::host::Host;
use crate::kinds::FaultKind;

/// One direction between two nodes, as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// Nothing passes.
    pub cut: bool,
    /// What passes takes this much longer.
    pub delay: Duration,
    /// Attempts to connect get no answer.
    pub hangs: bool,
}

impl LinkState {
    /// Whether nothing is wrong with it.
    pub fn is_sound(&self) -> bool {
        *self == LinkState::default()
    }

    /// Adds what a fault does to the way itself; whether it does anything.
    pub fn add<H: Host>(
        &mut self,
        host: &H,
        fault: &Fault,
        (from, to): (&H::Node, &H::Node),
    ) -> bool {
        let Target::Link { from: one, to: other, both } = &fault.target else { return false };
        let there = host.is_named(from, one) && host.is_named(to, other);
        let back = || host.is_named(to, one) && host.is_named(from, other);
        let hit = match fault.kind {
            FaultKind::SlowLink => there || back(),
            _ => there || *both && back(),
        };
        match fault.kind {
            FaultKind::Cut => self.cut |= hit,
            FaultKind::SlowLink if hit => self.delay += fault.amount,
            FaultKind::ConnectHangs => self.hangs |= hit,
            _ => {}
        }
        hit
    }

    /// Adds what a fault does to either end too: a slow node is slow on all its ways.
    pub fn add_with_ends<H: Host>(
        &mut self,
        host: &H,
        fault: &Fault,
        ends: (&H::Node, &H::Node),
    ) -> bool {
        let is_slow = [ends.0, ends.1].iter().any(|end| slows(host, fault, end));
        if is_slow {
            self.delay += fault.amount;
        }
        self.add(host, fault, ends) || is_slow
    }
}

/// Whether a fault makes everything on `node` take longer.
pub fn slows<H: Host>(host: &H, fault: &Fault, node: &H::Node) -> bool {
    fault.kind == FaultKind::Slow
        && matches!(&fault.target, Target::Node(name) if host.is_named(node, name))
}
