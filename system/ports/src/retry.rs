//! Waiting between attempts: capped exponential backoff with full jitter from the injected rng.

use std::time::Duration;

use crate::Rng;

/// The delays of one kind of retry.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The longest first delay.
    pub base: Duration,
    /// No delay is longer.
    pub cap: Duration,
}

impl Backoff {
    /// The delay after attempt number `attempt` (from 1): uniform between half and all of
    /// `base · 2^(attempt-1)`, at most `cap`.
    pub fn delay(&self, attempt: u32, rng: &dyn Rng) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(micros / 2 + rng.below("jitter", micros / 2 + 1))
    }
}
