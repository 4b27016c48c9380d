//! What may happen to a message on its way into a queue.

use crate::World;
use crate::faults::{Fault, FaultKind};

/// What goes wrong with a message that has just reached `queue`.
pub(crate) fn message(world: &World, queue: &str) -> Option<Fault> {
    world.0.injector.strike(world, |fault| {
        fault.kind != FaultKind::MessagesReordered && fault.target.queue() == Some(queue)
    })
}

/// Whether what waits in `queue` is shuffled now; ask only if two messages wait.
pub(crate) fn reorders(world: &World, queue: &str) -> bool {
    let fits = |fault: &Fault| {
        fault.kind == FaultKind::MessagesReordered && fault.target.queue() == Some(queue)
    };
    world.0.injector.strike(world, fits).is_some()
}
