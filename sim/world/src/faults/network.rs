//! What may happen between two nodes: cuts, slowness, and requests that go astray.

use std::time::Duration;

use crate::World;
use crate::faults::Kind;
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
        |kind| match kind {
            Kind::Cut { from: a, to: b, both } => is(a, b) || *both && is(b, a),
            Kind::SlowLink { from: a, to: b, .. } => is(a, b) || is(b, a),
            _ => false,
        },
        |kind| match kind {
            Kind::SlowLink { by, .. } => way.delay += *by,
            _ => way.cut = true,
        },
    );
    way
}

/// Whether this attempt to connect gets no answer.
pub(crate) fn connect_hangs(world: &World, from: NodeIndex, to: NodeIndex) -> bool {
    let nodes = &world.0.nodes;
    let fits = |kind: &Kind| {
        matches!(kind, Kind::ConnectHangs { from: a, to: b }
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
) -> Option<Kind> {
    let nodes = &world.0.nodes;
    world.0.injector.strike(world, |kind| match kind {
        Kind::ReplyLost { from: a, to: b, operation: name }
        | Kind::RequestLate { from: a, to: b, operation: name, .. }
        | Kind::RequestTwice { from: a, to: b, operation: name, .. } => {
            nodes.is(from, a)
                && nodes.is(to, b)
                && name.as_ref().is_none_or(|name| name == operation)
        }
        _ => false,
    })
}
