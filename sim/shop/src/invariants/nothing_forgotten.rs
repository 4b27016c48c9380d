//! Nothing forgotten: at rest, no message waits anywhere, and every dead letter has its alert.

use super::{Evidence, Findings, Invariant, When};
use crate::topology;

pub const INVARIANT: Invariant = Invariant {
    name: "nothing forgotten",
    says: "outboxes and queues are empty, every dead letter is alerted",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let final_state = evidence.final_state;
    for (database, unsent) in &final_state.unsent {
        if *unsent > 0 {
            findings.that(format!("{unsent} messages were never sent from {database}"));
        }
    }
    for (queue, depth) in &final_state.queues {
        findings.that(format!("{depth} messages still wait in {queue}"));
    }
    if final_state.in_flight > 0 {
        findings.that(format!("{} messages are still on their way", final_state.in_flight));
    }
    if final_state.dropped > 0 {
        findings.that(format!("the broker dropped {} messages", final_state.dropped));
    }
    for letter in &final_state.dead {
        let owner = topology::owner_of(&letter.queue).map(topology::database_of);
        let alerted = final_state.alerts.iter().any(|alert| {
            alert.cause == letter.message_id
                && alert.kind == "dead letter"
                && Some(&alert.database) == owner.as_ref()
        });
        if !alerted {
            let (schema, queue) = (&letter.schema, &letter.queue);
            findings.of(&letter.order, format!("its {schema} died in {queue} and nobody was told"));
        }
    }
}
