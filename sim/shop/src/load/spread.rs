//! Percentiles of durations. Pure.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Percentiles in milliseconds, to three digits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(durations: impl Iterator<Item = Duration>) -> Option<Spread> {
        let mut histogram = Histogram::<u64>::new(3).expect("three digits are allowed");
        for duration in durations {
            let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
            histogram.record(micros).expect("it resizes itself");
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        (!histogram.is_empty()).then(|| Spread {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: histogram.max() as f64 / 1000.0,
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { p50_ms, p90_ms, p99_ms, max_ms } = self;
        write!(
            formatter,
            "p50 {p50_ms:.1} ms, p90 {p90_ms:.1} ms, p99 {p99_ms:.1} ms, max {max_ms:.1} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_durations() {
        assert_eq!(Spread::of(std::iter::empty()), None);
        let spread = Spread::of((1..=100).map(Duration::from_millis)).expect("there are some");
        assert!((49.0..51.0).contains(&spread.p50_ms), "{spread:?}");
        assert!((98.5..99.5).contains(&spread.p99_ms), "{spread:?}");
        assert!((99.9..100.2).contains(&spread.max_ms), "{spread:?}");
    }
}
