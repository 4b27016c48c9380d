//! Soon enough: nothing waits much longer than faults keep it waiting, and nothing for what does not
//! concern it.

use std::time::Duration;

use stormproof_system::settings::Saga;

use super::{Evidence, Findings, Invariant, When};
use crate::disturbances::{ALL, Disturbed, disturbed};
use crate::service_settings::settings;
use crate::topology::BROKER;
use crate::truth::waits::{For, Wait};

pub const INVARIANT: Invariant = Invariant {
    name: "soon enough",
    says: "with no fault about, something comes of an order within a few retries of any service; after a \
           fault, within the longest wait that it may have caused; and a refund waits for no Warehouse, goods \
           on their way back for no Bank",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let Evidence { truth, scenario, .. } = evidence;
    if !truth.lows.followed {
        return;
    }
    let saga = settings(scenario).saga;
    let skew = scenario.world.clocks_apart();
    for Wait { order, what, from, until } in truth.waits.all(evidence.final_state.healed_at) {
        let services = depends_on(what);
        let disturbed = disturbed(evidence, services, from, until);
        let bound = bound(&saga, what, disturbed) + skew;
        let waited = until.saturating_sub(from);
        if waited > bound {
            let (waited, bound) = (waited.as_secs(), bound.as_secs());
            let (words, Disturbed { strikes, held }) = (words(what), disturbed);
            let held = held.as_secs();
            findings.of(
                &order,
                format!(
                    "waited {waited} s for {words}, at most {bound} s: {strikes} faults were about it, for {held} s"
                ),
            );
        }
    }
}

/// What has a part in it.
fn depends_on(what: For) -> &'static [&'static str] {
    match what {
        For::Progress => &ALL,
        For::Refund => &["store", "bank", "delivery", BROKER],
        For::Return => &["store", "warehouse", "delivery", BROKER],
    }
}

fn words(what: For) -> &'static str {
    match what {
        For::Progress => "anything to come of it",
        For::Refund => "its money",
        For::Return => "its goods to be taken back",
    }
}

/// The longest wait. Undisturbed: a call that times out, a lease, and the longest backoff, with jitter.
/// Each fault may cost that once more; and one that held for long, the longest pause of what is stuck, and
/// as long again, for whoever is asked after a silence is asked less and less.
fn bound(saga: &Saga, what: For, Disturbed { strikes, held }: Disturbed) -> Duration {
    let once = saga.call_timeout + saga.lease + saga.backoff.cap;
    let slow = match (strikes, what) {
        (0, _) => Duration::ZERO,
        (_, For::Progress | For::Return) => saga.debit_probe.max(saga.stuck_pause),
        // What is parked is probed, and settled as far as the wait is concerned.
        (_, For::Refund) => saga.stuck_pause,
    };
    once * (strikes + 1) + slow + 2 * held
}
