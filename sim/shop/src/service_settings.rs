//! What the shop's services are told in a run, in whatever environment.

use stormproof_system::settings::{Auth, Carrier, Settings};

use crate::scenario::Scenario;

/// Production's settings but for secrets, short journeys and passwords that are cheap to hash.
pub fn settings(scenario: &Scenario) -> Settings {
    let carrier = &scenario.world.carrier;
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
        ..Settings::default()
    }
}
