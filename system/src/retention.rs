//! What a service forgets: what was sent, received, moved and told long ago. What the Store answered to a
//! client's key goes the same way; keys of money never do.

use stormproof_messaging::janitor::{self, Kept, MOVES, RECEIVED, SENT};
use stormproof_ports::worker::Worker;

use crate::alert::{ALERTS, REMINDER};
use crate::context::Context;

/// The janitor of a service of the shop, which forgets what `own` says, too.
pub fn janitor(context: &Context, own: Vec<Kept>) -> Worker {
    let (retention, quiet) = (&context.settings.retention, context.settings.reconcile.quiet);
    let mut kept = vec![
        Kept { rows: &SENT, at_least: retention.sent },
        Kept { rows: &RECEIVED, at_least: retention.received },
        Kept { rows: &MOVES, at_least: retention.moves.max(2 * quiet) },
        Kept { rows: &ALERTS, at_least: retention.alerts.max(2 * REMINDER) },
    ];
    kept.extend(own);
    janitor::worker(&context.ports, kept, retention.every)
}
