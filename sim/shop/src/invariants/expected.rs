//! Expected: what a scenario's `[expect]` asks for.

use std::collections::BTreeMap;

use stormproof_system::store::payment::PaymentStatus;

use super::{Evidence, Findings, Invariant, When};
use crate::truth::rows::OrderRow;

pub const INVARIANT: Invariant = Invariant {
    name: "expected",
    says: "what the scenario's [expect] asks for has become true",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let Some(expect) = &evidence.scenario.expect else { return };
    let Evidence { truth, final_state, .. } = evidence;
    if let Some(expected) = &expect.orders {
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for order in truth.orders.iter() {
            *found.entry(order.status.as_str()).or_default() += 1;
        }
        let mut expected = expected.clone();
        expected.retain(|_, count| *count > 0);
        if found != expected {
            findings.that(format!("orders {found:?}, expected {expected:?}"));
        }
    }
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let is_parked = |row: &&OrderRow| row.payment_status == PaymentStatus::Parked;
    let parked = truth.orders.iter().filter(is_parked).count();
    let debits = truth.debits.iter().filter(|debit| debit.is_charged()).count();
    for (what, found, expected) in [
        ("debits", debits, expect.debits),
        ("refunds", truth.refunds.len(), expect.refunds),
        ("parked refunds", parked, expect.parked),
        ("alerts", final_state.alerts.len(), expect.alerts),
        ("dead letters", final_state.dead.len(), expect.dead),
    ] {
        if let Some(expected) = expected
            && expected != count(found)
        {
            findings.that(format!("{found} {what}, expected {expected}"));
        }
    }
    for (template, expected) in expect.mails.iter().flatten() {
        let about = format!("{template}:");
        let fits = |mail: &&crate::truth::final_state::MailSeen| {
            mail.template == *template || mail.template.starts_with(&about)
        };
        let found = final_state.mails.iter().filter(fits).count();
        if *expected != count(found) {
            findings.that(format!("{found} mails of {template}, expected {expected}"));
        }
    }
}
