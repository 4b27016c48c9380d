//! Smaller numbers and shorter, rounder times.

use std::time::Duration;

use stormproof_faults::units::Length;

/// Smaller numbers from `least` on, the smallest first.
pub fn fewer(number: i64, least: i64) -> Vec<i64> {
    let mut smaller = vec![least, least + (number - least) / 2, number - 1];
    smaller.retain(|smaller| (least..number).contains(smaller));
    smaller.dedup();
    smaller
}

/// What lengths are rounded to, in microseconds.
const ROUND_US: [u64; 8] =
    [3_600_000_000, 60_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 1];

/// Shorter lengths: none at all, half, and less and less rounded.
pub fn shorter(length: Length) -> Vec<Length> {
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
