//! What may happen to a message on its way into a queue.

use crate::World;
use crate::faults::Kind;

/// What goes wrong with a message that has just reached `queue`.
pub(crate) fn message(world: &World, name: &str) -> Option<Kind> {
    world.0.injector.strike(world, |kind| match kind {
        Kind::ConfirmLost { queue }
        | Kind::MessageTwice { queue }
        | Kind::MessageReturned { queue }
        | Kind::MessageLate { queue, .. } => queue == name,
        _ => false,
    })
}

/// Whether what waits in `queue` is shuffled now; ask only if two messages wait.
pub(crate) fn reorders(world: &World, name: &str) -> bool {
    let fits = |kind: &Kind| matches!(kind, Kind::MessagesReordered { queue } if queue == name);
    world.0.injector.strike(world, fits).is_some()
}
