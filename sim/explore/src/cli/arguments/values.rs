//! What words and numbers among the arguments stand for.

use std::num::NonZeroU8;
use std::time::Duration;

/// How many faults a sweep puts into one run.
pub fn faults_at_once(text: &str) -> Result<NonZeroU8, String> {
    let number = text.parse().ok().filter(|number: &NonZeroU8| number.get() <= 2);
    number.ok_or_else(|| "expected 1, or 2 for all pairs".to_owned())
}

/// A length of wall time: `500ms`, `60s`, `5m` or `1h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected such as 500ms, 60s, 5m or 1h".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    match number.checked_mul(milliseconds) {
        // Longer than a year is a slip of the finger, and would overflow an instant.
        Some(length @ 1..=31_536_000_000) => Ok(Duration::from_millis(length)),
        _ => Err(expected()),
    }
}
