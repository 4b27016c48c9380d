//! Smaller numbers and shorter, rounder times.

use std::time::Duration;

use stormproof_shop::scenario::tables::{Document, FaultTable};
use stormproof_shop::scenario::units::{At, Length};

/// Smaller numbers from `least` on, the smallest first.
pub(super) fn fewer(number: i64, least: i64) -> Vec<i64> {
    let mut smaller = vec![least, least + (number - least) / 2, number - 1];
    smaller.retain(|smaller| (least..number).contains(smaller));
    smaller.dedup();
    smaller
}

/// What lengths are rounded to, in microseconds.
const ROUND_US: [u64; 8] =
    [3_600_000_000, 60_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 1];

/// Shorter lengths: none at all, half, and less and less rounded.
pub(super) fn shorter(length: Length) -> Vec<Length> {
    let micros = u64::try_from(length.0.as_micros()).unwrap_or(u64::MAX);
    let floor = |micros: u64| {
        let unit = ROUND_US.into_iter().find(|unit| *unit <= micros)?;
        Some(micros / unit * unit)
    };
    let rounded = ROUND_US.into_iter().map(|unit| micros / unit * unit);
    let mut shorter: Vec<u64> =
        std::iter::once(0).chain(floor(micros / 2)).chain(rounded).collect();
    shorter.sort_unstable();
    shorter.dedup();
    shorter.retain(|shorter| *shorter < micros);
    shorter.into_iter().map(|micros| Length(Duration::from_micros(micros))).collect()
}

/// Everything sooner by what passes before anybody acts: customers' first steps and faults move
/// together, so that what met still meets.
pub(super) fn earlier(document: &Document) -> Vec<Document> {
    let first = |document: &Document| {
        let first = |customer: &stormproof_shop::scenario::tables::CustomerTable| {
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
