//! What a load came to, and what must hold of it. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::shopping::{Shopped, is_settled};

/// The figures, and what is broken.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub orders: usize,
    pub customers: usize,
    /// From the first order to the last one settled, looked at twice a second.
    pub seconds: f64,
    pub orders_per_second: f64,
    /// From when an order was to be placed to its answer.
    pub answered: Option<Spread>,
    /// From an order's beginning to its last status, by the Store's clocks.
    pub settled: Option<Spread>,
    pub by_status: BTreeMap<String, u64>,
    pub asked_again: u64,
    pub cancels_asked: u64,
    pub cancels_accepted: u64,
    /// Orders answered with 202, and those of them that are known and settled.
    pub promises_made: usize,
    pub promises_kept: usize,
    /// Orders that were paid and not delivered, and the refunds of them.
    pub refunds_due: usize,
    pub refunds_made: usize,
    pub refunds_parked: usize,
    /// Orders that the Store shows and nobody placed: one for each would be a repeat that counted.
    pub unasked: usize,
    pub compared: i64,
    pub differences: Vec<String>,
    /// Transactions that wrote (`commits.rs`), from the first order to the last one settled.
    pub commits_per_order: Option<f64>,
    /// Why there is no figure, if there is none.
    pub commits_not_measured: String,
    pub broken: Vec<String>,
}

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

impl Report {
    /// The figures, not yet judged.
    pub fn of(shopped: &Shopped) -> Report {
        let mut by_status = BTreeMap::new();
        for view in shopped.shown.values() {
            *by_status.entry(view.status.clone()).or_default() += 1;
        }
        let promised = shopped.orders.iter().filter(|order| order.promised);
        let kept =
            promised.clone().filter(|order| shopped.shown.get(&order.id).is_some_and(is_settled));
        let undone = || shopped.shown.values().filter(|view| view.status != "DELIVERED");
        let with = |payment: &str| undone().filter(|view| view.payment == payment).count();
        let [debited, due, parked, refunded] =
            ["DEBITED", "REFUND_DUE", "PARKED", "REFUNDED"].map(with);
        let known = shopped.orders.iter().filter(|order| shopped.shown.contains_key(&order.id));
        let seconds = shopped.took.as_secs_f64();
        Report {
            orders: shopped.orders.len(),
            customers: shopped.customers,
            seconds,
            orders_per_second: shopped.orders.len() as f64 / seconds,
            answered: Spread::of(shopped.orders.iter().map(|order| order.answered_in)),
            settled: Spread::of(shopped.settled_in.iter().copied()),
            by_status,
            asked_again: shopped.asked_again,
            cancels_asked: shopped.cancels_asked,
            cancels_accepted: shopped.cancels_accepted,
            promises_made: promised.count(),
            promises_kept: kept.count(),
            refunds_due: debited + due + parked + refunded,
            refunds_made: refunded,
            refunds_parked: parked,
            unasked: shopped.shown.len() - known.count(),
            ..Report::default()
        }
    }

    /// Takes the commits that were counted before the first order and after the last one settled.
    pub fn count_commits(&mut self, before: Result<i64, String>, after: Result<i64, String>) {
        match before.and_then(|before| Ok(after? - before)) {
            Ok(commits) => self.commits_per_order = Some(commits as f64 / self.orders as f64),
            Err(why) => self.commits_not_measured = why,
        }
    }

    /// Says what does not hold.
    pub fn judge(&mut self) {
        let mut broken = Vec::new();
        if self.promises_kept < self.promises_made {
            let count = self.promises_made - self.promises_kept;
            broken.push(format!("{count} promised orders are lost or not settled"));
        }
        if self.refunds_made + self.refunds_parked < self.refunds_due {
            let count = self.refunds_due - self.refunds_made - self.refunds_parked;
            broken.push(format!("{count} orders were paid, not delivered, and not paid back"));
        }
        if self.unasked > 0 {
            broken.push(format!("{} orders are there that nobody placed", self.unasked));
        }
        broken.extend(self.differences.iter().cloned());
        self.broken = broken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_said() {
        let whole = Report { promises_made: 3, promises_kept: 3, ..Report::default() };
        let table: [(Report, usize); 6] = [
            (whole.clone(), 0),
            (Report { refunds_due: 2, refunds_made: 1, refunds_parked: 1, ..whole.clone() }, 0),
            (Report { promises_kept: 2, ..whole.clone() }, 1),
            (Report { refunds_due: 2, refunds_made: 1, ..whole.clone() }, 1),
            (Report { unasked: 1, ..whole.clone() }, 1),
            (Report { differences: vec!["a".into(), "b".into()], ..whole }, 2),
        ];
        for (mut report, expected) in table {
            report.judge();
            assert_eq!(report.broken.len(), expected, "{report:#?}");
        }
    }

    #[test]
    fn commits_are_measured_or_it_is_said_why_not() {
        let mut report = Report { orders: 4, ..Report::default() };
        report.count_commits(Ok(100), Ok(230));
        assert_eq!(report.commits_per_order, Some(32.5));
        let mut report = Report { orders: 4, ..Report::default() };
        report.count_commits(Ok(100), Err("away".into()));
        assert_eq!((report.commits_per_order, &*report.commits_not_measured), (None, "away"));
    }

    #[test]
    fn percentiles_are_of_the_durations() {
        assert_eq!(Spread::of(std::iter::empty()), None);
        let spread = Spread::of((1..=100).map(Duration::from_millis)).expect("there are some");
        assert!((49.0..51.0).contains(&spread.p50_ms), "{spread:?}");
        assert!((98.5..99.5).contains(&spread.p99_ms), "{spread:?}");
        assert!((99.9..100.2).contains(&spread.max_ms), "{spread:?}");
    }
}
