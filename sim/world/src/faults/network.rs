//! What may happen between two nodes: cuts, slowness, and requests that go astray.

use stormproof_faults::LinkState;

use crate::World;
use crate::faults::{Fault, FaultKind, Target};
use crate::node::NodeIndex;

/// The link from one node to another, now.
pub(crate) fn link(world: &World, from: NodeIndex, to: NodeIndex) -> LinkState {
    world.0.injector.link(world, &from, &to)
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
