//! Sleeps: how much later than asked for they end, for timers have ticks of their own.

use std::time::Duration;

use stormproof_ports::Clock as _;
use stormproof_ports::machine::Demand;
use tokio::time::Instant;

use super::stopwatch::{OWN, Stopwatch, micros};
use stormproof_bindings::clock::SystemClock;

/// How long is slept: on and off the ticks of a timer.
const LENGTHS: [Duration; 4] = [
    Duration::from_micros(1_000),
    Duration::from_micros(1_300),
    Duration::from_micros(2_500),
    Duration::from_micros(3_800),
];

/// Sleeps so many times.
///
/// # Errors
/// As [`Stopwatch::time`].
pub async fn measure(watch: &Stopwatch, rounds: u32) -> Result<Demand, String> {
    let timing = watch.time(OWN, rounds, async |late_us| {
        let rounds = usize::try_from(rounds).expect("32 bits are a size");
        for length in LENGTHS.into_iter().cycle().take(rounds) {
            let start = Instant::now();
            SystemClock.sleep(length).await;
            late_us.push(micros(start.elapsed().saturating_sub(length)));
        }
        Ok(())
    });
    Ok(timing.await?.of_client().demand())
}
