//! What the shop's services are told in a run, in whatever environment.

use std::time::Duration;

use stormproof_system::settings::{Auth, Carrier, Lists, Reconcile, Retention, Settings};

use crate::scenario::Scenario;

/// Production's settings but for secrets, short journeys, passwords that are cheap to hash, and what
/// the scenario says of pages and keys.
pub fn settings(scenario: &Scenario) -> Settings {
    let carrier = &scenario.world.carrier;
    let usual = Settings::default();
    let rows = |usual| scenario.world.page.unwrap_or(usual);
    Settings {
        auth: Auth {
            customer_secret: b"customers' secret of the seeded world".to_vec(),
            service_secret: b"services' secret of the seeded world".to_vec(),
            hash_memory_kib: 8,
            hash_passes: 1,
            hash_lanes: 1,
            ..Auth::default()
        },
        carrier: Carrier {
            pick_up_after: carrier.pick_up,
            depart_after: carrier.depart,
            deliver_after: carrier.deliver,
            lost_per_mille: carrier.lost_per_mille,
            found_per_mille: carrier.found_per_mille,
            found_after: carrier.found,
        },
        retention: retention(scenario),
        reconcile: Reconcile { batch: rows(usual.reconcile.batch), ..usual.reconcile },
        lists: Lists { rows: rows(usual.lists.rows) },
        ..usual
    }
}

/// What a scenario keeps for so long is looked for four times as often, though not all the time; keys as often as
/// they are kept.
fn retention(scenario: &Scenario) -> Retention {
    let mut retention = Retention::default();
    if let Some(kept) = scenario.world.retention {
        (retention.sent, retention.received, retention.moves) = (kept, kept, kept);
        retention.every = (kept / 4).max(Duration::from_secs(5));
    }
    if let Some(kept) = scenario.world.keys_kept {
        retention.keys = kept;
        retention.every = retention.every.min(kept);
    }
    retention
}
