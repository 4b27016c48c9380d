//! What may happen to a commit.

use crate::World;
use crate::faults::Kind;
use crate::node::NodeIndex;

/// What goes wrong with this commit at the database on `node`.
pub(crate) fn commit(world: &World, node: NodeIndex) -> Option<Kind> {
    world.0.injector.strike(world, |kind| match kind {
        Kind::ConnectionLostBeforeCommit { database }
        | Kind::ConnectionLostAfterCommit { database }
        | Kind::SerializationFailure { database } => world.0.nodes.is(node, database),
        _ => false,
    })
}
