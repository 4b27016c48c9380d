//! The whole sooner.

use std::time::Duration;

use stormproof_shop::scenario::tables::{CustomerTable, Document, FaultTable};
use stormproof_shop::scenario::units::{At, Length};

/// Everything sooner by what passes before anybody acts: customers' first steps and faults move
/// together, so that what met still meets.
pub(super) fn earlier(document: &Document) -> Vec<Document> {
    let first = |document: &Document| {
        let first = |customer: &CustomerTable| {
            customer.script.first().map(|step| step.value.after.unwrap_or_default().0)
        };
        document.customers.iter().filter_map(first).collect::<Vec<_>>()
    };
    let Some(idle) = first(document).into_iter().min().filter(|idle| !idle.is_zero()) else {
        return Vec::new();
    };
    let sooner = |length: Duration| length.saturating_sub(idle);
    let mut document = document.clone();
    for customer in &mut document.customers {
        if let Some(step) = customer.script.first_mut() {
            let after = sooner(step.value.after.unwrap_or_default().0);
            step.value.after = (!after.is_zero()).then_some(Length(after));
        }
    }
    for fault in &mut document.faults {
        let FaultTable { at, from, until, .. } = &mut fault.value;
        for time in [at, from, until].into_iter().flatten() {
            *time = At::from(Length(sooner(time.value.0)));
        }
    }
    vec![document]
}
