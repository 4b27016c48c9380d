//! What may happen between two nodes: cuts, slowness, and requests that go astray.

use std::time::Duration;

use crate::World;
use crate::faults::{Fault, FaultKind, Target};
use crate::node::NodeIndex;

/// One direction between two nodes, as it is now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    /// Nothing passes.
    pub(crate) cut: bool,
    /// What passes takes this much longer.
    pub(crate) delay: Duration,
}

/// The way from one node to another, now.
pub(crate) fn way(world: &World, from: NodeIndex, to: NodeIndex) -> Way {
    let nodes = &world.0.nodes;
    let is = |a: &str, b: &str| nodes.is(from, a) && nodes.is(to, b);
    let mut way = Way::default();
    world.0.injector.conditions(
        world,
        |fault| match (fault.kind, &fault.target) {
            (FaultKind::Cut, Target::Link { from, to, both }) => {
                is(from, to) || *both && is(to, from)
            }
            (FaultKind::SlowLink, Target::Link { from, to, .. }) => is(from, to) || is(to, from),
            _ => false,
        },
        |fault| match fault.kind {
            FaultKind::SlowLink => way.delay += fault.amount,
            _ => way.cut = true,
        },
    );
    way
}

/// Whether this attempt to connect gets no answer.
pub(crate) fn connect_hangs(world: &World, from: NodeIndex, to: NodeIndex) -> bool {
    let nodes = &world.0.nodes;
    let fits = |fault: &Fault| {
        fault.kind == FaultKind::ConnectHangs
            && matches!(&fault.target, Target::Link { from: a, to: b, .. }
                if nodes.is(from, a) && nodes.is(to, b))
    };
    world.0.injector.strike(world, fits).is_some()
}

/// What goes wrong with this request: its reply is lost, or it arrives late or twice.
pub(crate) fn request(
    world: &World,
    from: NodeIndex,
    to: NodeIndex,
    operation: &str,
) -> Option<Fault> {
    let nodes = &world.0.nodes;
    world.0.injector.strike(world, |fault| match &fault.target {
        Target::Call { from: a, to: b, operation: name } => {
            nodes.is(from, a)
                && nodes.is(to, b)
                && name.as_ref().is_none_or(|name| name == operation)
        }
        _ => false,
    })
}
