//! Only poison dies: what can be read is handled, or tried as often as it may be.

use super::{Evidence, Findings, Invariant, When};

pub const INVARIANT: Invariant = Invariant {
    name: "only poison dies",
    says: "a dead letter is one that nobody can read, or whose attempts are used up: an unreadable \
           message costs none of its neighbours",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    for letter in &evidence.client_history.innocent_letters {
        let (schema, queue, attempts) = (&letter.schema, &letter.queue, letter.attempts);
        findings.of(
            &letter.order,
            format!("its {schema} died in {queue} in its attempt {attempts}, and can be read"),
        );
    }
}
