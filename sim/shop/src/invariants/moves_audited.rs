//! Moves audited: the audit trail leads each machine from where it begins to where it is, along arrows of the
//! protocol, and has each debit and each refund.

use std::collections::BTreeMap;

use super::machines::{ABSENT, is_arrow};
use super::{Evidence, Findings, Invariant, When};
use crate::service_settings::settings;
use crate::truth::rows::Id;

pub const INVARIANT: Invariant = Invariant {
    name: "moves audited",
    says: "the audit trail leads each machine from where it begins to where it is, and has each debit and refund",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let Evidence { truth, final_state, scenario, .. } = evidence;
    let apart = scenario.world.clocks_apart();
    let remembered = settings(scenario).retention.moves.saturating_sub(apart);
    for order in truth.orders.iter() {
        // Of what is older the trail may have forgotten the beginning.
        let begun = order.pending_payment_at.unwrap_or(0);
        if final_state.time.since(stormproof_ports::time::Time(begun)) >= remembered {
            continue;
        }
        let id = &order.id;
        leads(evidence, "order", id, "", order.status.as_str(), findings);
        leads(evidence, "payment", id, "NONE", order.payment_status.as_str(), findings);
        if let Some(reservation) = truth.reservations.get(id) {
            leads(evidence, "reservation", id, ABSENT, reservation.state.as_str(), findings);
        }
        if let Some(parcel) = truth.parcels.get(id) {
            leads(evidence, "parcel", id, ABSENT, parcel.status.as_str(), findings);
        }
        let debits = truth.debits.all(id).count();
        let refunds = truth.debits.all(id).flat_map(|debit| truth.refunds.all(&debit.key)).count();
        for (noun, made) in [("debit", debits), ("refund", refunds)] {
            let told = moves(evidence, noun, id).len();
            if told != made {
                findings.of(id, format!("has {made} {noun}s, and {told} in the audit trail"));
            }
        }
    }
}

fn moves<'a>(evidence: &'a Evidence<'_>, noun: &str, order: &Id) -> &'a [(Id, Id)] {
    let moves = evidence.final_state.books.moves.get(&(noun.into(), order.clone()));
    moves.map_or(&[], Vec::as_slice)
}

/// Every state is left as often as it is come to, but for the first and the last. In what order, no clock can
/// tell: each replica has its own.
fn leads(
    evidence: &Evidence<'_>,
    noun: &'static str,
    order: &Id,
    begin: &str,
    state: &str,
    findings: &mut Findings,
) {
    let mut balance: BTreeMap<&str, i64> = BTreeMap::new();
    *balance.entry(begin).or_default() += 1;
    *balance.entry(state).or_default() -= 1;
    for (from, to) in moves(evidence, noun, order) {
        *balance.entry(from).or_default() -= 1;
        *balance.entry(to).or_default() += 1;
        let known = if **from == *begin && begin.is_empty() { ABSENT } else { from };
        if !is_arrow(noun, known, to) {
            findings.of(order, format!("the audit trail has its {noun} move from {from} to {to}"));
        }
    }
    if balance.values().any(|count| *count != 0) {
        findings
            .of(order, format!("its {noun} is {state}, and the audit trail does not lead there"));
    }
}
