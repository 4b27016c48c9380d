//! Nothing forgotten: at rest, no message waits anywhere, and every dead letter has its alert.

use super::{Evidence, Findings, Invariant, When};
use crate::shop::map;

pub const INVARIANT: Invariant = Invariant {
    name: "nothing forgotten",
    says: "outboxes and queues are empty, every dead letter is alerted",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let reckoning = evidence.reckoning;
    for (database, unsent) in &reckoning.unsent {
        if *unsent > 0 {
            findings.that(format!("{unsent} messages were never sent from {database}"));
        }
    }
    for (queue, depth) in &reckoning.queues {
        findings.that(format!("{depth} messages still wait in {queue}"));
    }
    if reckoning.in_flight > 0 {
        findings.that(format!("{} messages are still on their way", reckoning.in_flight));
    }
    if reckoning.dropped > 0 {
        findings.that(format!("the broker dropped {} messages", reckoning.dropped));
    }
    for letter in &reckoning.dead {
        let owner = map::owner_of(&letter.queue).map(map::database_of);
        let alerted = reckoning.alerts.iter().any(|alert| {
            alert.order == letter.order
                && alert.kind == "dead letter"
                && Some(&alert.database) == owner.as_ref()
        });
        if !alerted {
            let (schema, queue) = (&letter.schema, &letter.queue);
            findings.of(&letter.order, format!("its {schema} died in {queue} and nobody was told"));
        }
    }
}
