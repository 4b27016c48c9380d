//! Private: nobody sees what belongs to another, and no secret is written anywhere.

use super::{Evidence, Findings, Invariant, When};

pub const INVARIANT: Invariant = Invariant {
    name: "private",
    says: "no customer ever saw another's order; no password, token or hash in any event, message \
           or mail",
    when: When::Always,
    step: None,
    end: Some(end),
};

/// What customers notice themselves stands among the contradictions of their history, and is told at once.
fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    for customer in &evidence.client_history.customers {
        for (order, status) in &customer.pried {
            if *status != 404 {
                findings.of(order, format!("{} asked for it and got {status}", customer.name));
            }
        }
    }
    for leak in &evidence.final_state.leaks {
        findings.that(leak.clone());
    }
}
