//! Heard in time: support is told before anybody mends anything, and of what does not get anywhere.

use std::time::Duration;

use stormproof_system::settings::Saga;
use stormproof_system::store::payment::PaymentStatus;

use super::{Evidence, Findings, Invariant, When};
use crate::disturbances::disturbed;
use crate::service_settings::settings;
use crate::topology;
use crate::truth::waits::For;
use crate::truth::{Step, Truth};

pub const INVARIANT: Invariant = Invariant {
    name: "heard in time",
    says: "support hears of each dead letter as it dies, of a refund as it is parked, and of an order of \
           which nothing comes, before twice the time after which it counts as stuck",
    when: When::Always,
    step: Some(step),
    end: Some(end),
};

/// Trouble that lasts is told once a day (`protocol.md` §2).
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A refund is parked and told in one commit.
fn step(truth: &Truth, step: &Step, findings: &mut Findings) {
    if !truth.lows.followed {
        return;
    }
    for moved in &step.orders {
        let Some(after) = &moved.after else { continue };
        let was = moved.before.as_ref().map(|before| before.payment_status);
        if after.payment_status != PaymentStatus::Parked || was == Some(PaymentStatus::Parked) {
            continue;
        }
        let told = truth.waits.heard.iter().any(|heard| {
            heard.order == after.id && *heard.kind == *"refund parked" && heard.at + DAY >= step.at
        });
        if !told {
            findings.of(&after.id, "has a parked refund, and nobody was told");
        }
    }
}

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let Evidence { truth, client_history, final_state, .. } = evidence;
    if !truth.lows.followed {
        return;
    }
    for letter in &client_history.letters_found {
        let (queue, schema) = (&letter.queue, &letter.schema);
        let owner = topology::owner_of(queue).map(topology::database_of).unwrap_or_default();
        if !truth.waits.is_heard(&owner, "dead letter", &letter.message_id, letter.found_at) {
            findings.of(
                &letter.order,
                format!(
                    "its {schema} lay dead in {queue} when staff came, and nobody had been told"
                ),
            );
        }
    }
    let bound = bound(&settings(evidence.scenario).saga);
    for wait in truth.waits.all(final_state.healed_at).filter(|wait| wait.what == For::Progress) {
        let disturbed = disturbed(evidence, &["store"], wait.from, wait.until);
        let waited = wait.until.saturating_sub(wait.from).saturating_sub(disturbed.held);
        let told = truth.waits.heard.iter().any(|heard| {
            let in_time = wait.from.saturating_sub(DAY)..=wait.from + bound + disturbed.held;
            heard.order == wait.order && in_time.contains(&heard.at)
        });
        if waited > bound && !told {
            let (waited, bound) = (waited.as_secs(), bound.as_secs());
            findings.of(
                &wait.order,
                format!(
                    "got nowhere for {waited} s and support never heard, expected within {bound} s"
                ),
            );
        }
    }
}

/// Who has only to wait for an answer is looked at when that is asked for again, twice as late each time.
fn bound(saga: &Saga) -> Duration {
    2 * saga.stuck_after + saga.debit_probe
}
