//! Every order settles: once faults are over, nothing stays half done.

use super::{Evidence, Findings, Invariant, When};

pub const INVARIANT: Invariant = Invariant {
    name: "every order settles",
    says: "terminal, or with an open obligation that support knows of, within the bound after calm",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let Evidence { truth, final_state, .. } = evidence;
    for order in truth.orders.iter() {
        let payment = order.payment_status.as_str();
        let saga = final_state.sagas.get(&order.id);
        let goal = saga.map_or("missing", |saga| saga.goal.as_str());
        let told = format!(
            "{} with its payment {payment} and its saga's goal {goal}",
            order.status.as_str()
        );
        if !truth.is_settled(order) {
            findings.of(&order.id, format!("is still {told}"));
        } else if !truth.is_unrefundable(order) && goal != "DONE" {
            findings.of(&order.id, format!("is not done with: {told}"));
        } else if truth.is_unrefundable(order)
            && !final_state.is_alerted(&order.id, "refund parked")
        {
            findings.of(&order.id, "waits for people who were never told");
        }
    }
    if final_state.rested_at.is_none() && findings.0.is_empty() {
        findings
            .that(format!("the world did not come to rest: {}", final_state.restless.join(", ")));
    }
}
