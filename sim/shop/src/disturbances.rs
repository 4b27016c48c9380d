//! What faults took of a wait: when the machines that it depends on were disturbed.

use std::time::Duration;

use stormproof_faults::Target;
use stormproof_faults::injector::StrikeTime;

use crate::invariants::Evidence;
use crate::scenario::{PeopleFault, Scenario};
use crate::topology::{self, BROKER, CUSTOMERS, MAIL, STAFF};

/// Faults, as far as one wait is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disturbed {
    /// How many struck.
    pub strikes: u32,
    /// For how long at least one of them held.
    pub held: Duration,
}

/// What of `from..until` was disturbed by faults at any of `services`, their databases and the ways
/// between them. A fault that struck shortly before counts, for its traces last.
pub fn disturbed(
    evidence: &Evidence<'_>,
    services: &[&str],
    from: Duration,
    until: Duration,
) -> Disturbed {
    let Evidence { scenario, final_state, .. } = evidence;
    let struck = final_state.strikes.iter().filter_map(|strike| {
        let StrikeTime { fault, from, until } = *strike;
        let fault = &scenario.faults[fault];
        // A node that is away, or a call that is late, is so for the fault's amount.
        let until = until.unwrap_or(final_state.healed_at).max(from + fault.amount);
        let until = until.min(final_state.healed_at).max(from);
        concerns(&fault.target, services).then_some((from, until))
    });
    let mut spans: Vec<_> = struck
        .chain(closed_banks(scenario, services, final_state.began_at))
        .filter(|(begun, ended)| *begun < until && *ended + TRACES > from)
        .collect();
    spans.sort_unstable();
    let mut disturbed = Disturbed::default();
    let mut reached = from;
    for (begun, ended) in spans {
        disturbed.strikes += 1;
        let ended = ended.min(until);
        disturbed.held += ended.saturating_sub(begun.max(reached));
        reached = reached.max(ended);
    }
    disturbed
}

/// How long a fault that is over may have its traces: a message that waits to be tried again, a lease.
const TRACES: Duration = Duration::from_secs(600);

fn concerns(target: &Target, services: &[&str]) -> bool {
    let name = |name: &str| {
        let service = topology::service_of_database(topology::service_of(name));
        services.contains(&service)
    };
    match target {
        Target::Node(node) | Target::Database(node) => name(node),
        Target::Link { from, to, .. } | Target::Call { from, to, .. } => name(from) && name(to),
        Target::Queue(queue) => {
            services.contains(&BROKER) && topology::owner_of(queue).is_some_and(name)
        }
    }
}

/// The Bank that people close is struck by no fault of the scenario's machines.
fn closed_banks(
    scenario: &Scenario,
    services: &[&str],
    began: Duration,
) -> impl Iterator<Item = (Duration, Duration)> {
    let concerned = services.contains(&"bank");
    scenario.people.iter().filter_map(move |fault| match fault {
        PeopleFault::BankClosed { at, length } if concerned => {
            Some((began + *at, began + *at + *length))
        }
        _ => None,
    })
}

/// Everything that an order depends on.
pub const ALL: [&str; 9] =
    ["store", "warehouse", "bank", "delivery", "email", BROKER, MAIL, CUSTOMERS, STAFF];
