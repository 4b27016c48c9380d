//! What may happen to a commit.

use crate::world::World;
use crate::world::faults::Kind;
use crate::world::node::NodeIndex;

/// What goes wrong with this commit at the database on `node`.
pub(in crate::world) fn commit(world: &World, node: NodeIndex) -> Option<Kind> {
    world.0.injector.strike(world, |kind| match kind {
        Kind::ConnectionLostBeforeCommit { database }
        | Kind::ConnectionLostAfterCommit { database }
        | Kind::SerializationFailure { database } => world.0.nodes.is(node, database),
        _ => false,
    })
}
