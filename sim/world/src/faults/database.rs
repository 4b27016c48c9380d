//! What may happen to a commit.

use crate::World;
use crate::faults::{Fault, Target};
use crate::node::NodeIndex;

/// What goes wrong with this commit at the database on `node`.
pub(crate) fn commit(world: &World, node: NodeIndex) -> Option<Fault> {
    world.0.injector.strike(
        world,
        |fault| matches!(&fault.target, Target::Database(name) if world.0.nodes.is(node, name)),
    )
}
