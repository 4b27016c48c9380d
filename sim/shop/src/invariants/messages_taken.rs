//! Messages taken: what an outbox calls sent has been received by everybody that it was for.
//!
//! Most lost messages harm nobody: something asks again. That hides who loses them.

use super::{Evidence, Findings, Invariant, When};
use crate::service_settings::settings;

pub const INVARIANT: Invariant = Invariant {
    name: "messages taken",
    says: "each message that was sent is in the inbox of each queue that it went to, or died there",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let Evidence { scenario, final_state, .. } = evidence;
    // When it was written one clock says, when it was received another, and how old that is a third.
    let apart = scenario.world.clocks_apart();
    let remembered = settings(scenario).retention.received.saturating_sub(apart);
    for message in &final_state.books.sent {
        // Where an inbox may have forgotten it, nothing can be said of it.
        if final_state.time.since(message.written_at) >= remembered {
            continue;
        }
        for queue in message.queues() {
            let is_taken = final_state.books.received.contains(&(queue.into(), message.id.clone()));
            let is_dead = |letter: &crate::truth::final_state::DeadLetter| {
                letter.queue == queue && *letter.message_id == *message.id
            };
            if !is_taken && !final_state.dead.iter().any(is_dead) {
                let what = &message.routing_key;
                findings.of(&message.order, format!("{queue} had its {what}, and nobody took it"));
            }
        }
    }
}
