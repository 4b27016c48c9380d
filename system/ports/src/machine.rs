//! What the work of ports takes on a machine: how long its processors and its disk are busy with one
//! operation. Queueing theory calls that the service demand of the operation.
//!
//! It is measured with one operation at a time, so nothing waits for anything: how long many of them wait
//! for each other is what a world with such a machine finds out.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a port is asked to do, as far as it takes time.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// BEGIN, there and back.
    Begin,
    /// A SELECT of one row by its key, there and back.
    Select,
    /// An INSERT of one row.
    Insert,
    /// An UPDATE of one row by its key.
    Update,
    /// A DELETE of one row by its key.
    Delete,
    /// The COMMIT of a transaction that wrote.
    Commit,
    /// The end of one that did not: COMMIT or ROLLBACK.
    Finish,
    /// An HTTP request and its answer, on a connection that is kept.
    Request,
    /// A durable message to the broker, and its confirm.
    Publish,
    /// A message from the broker to its consumer, and the acknowledgement. It waits for the broker's
    /// disk as well, from when it was published.
    Deliver,
    /// A mail to the mail server.
    Mail,
    /// The end of a sleep: how much later than asked for it comes.
    Sleep,
}

impl WorkKind {
    /// All of them.
    pub const ALL: [WorkKind; 12] = [
        WorkKind::Begin,
        WorkKind::Select,
        WorkKind::Insert,
        WorkKind::Update,
        WorkKind::Delete,
        WorkKind::Commit,
        WorkKind::Finish,
        WorkKind::Request,
        WorkKind::Publish,
        WorkKind::Deliver,
        WorkKind::Mail,
        WorkKind::Sleep,
    ];

    /// As a file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkKind::Begin => "begin",
            WorkKind::Select => "select",
            WorkKind::Insert => "insert",
            WorkKind::Update => "update",
            WorkKind::Delete => "delete",
            WorkKind::Commit => "commit",
            WorkKind::Finish => "finish",
            WorkKind::Request => "request",
            WorkKind::Publish => "publish",
            WorkKind::Deliver => "deliver",
            WorkKind::Mail => "mail",
            WorkKind::Sleep => "sleep",
        }
    }
}

/// At which shares of all operations a wait is told: the shortest, the median, the longest and between.
pub const QUANTILES: [f64; 9] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0];

/// What one operation takes, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Processor time of who asks, on the average.
    pub client_us: f64,
    /// Processor time of who is asked, on the average.
    pub server_us: f64,
    /// What it takes besides and no processor works for, the disk's sync above all: at [`QUANTILES`].
    pub wait_us: [f64; QUANTILES.len()],
}

impl Demand {
    /// One that always waits as long as ever, in microseconds.
    pub fn constant(client_us: f64, server_us: f64, wait_us: f64) -> Demand {
        Demand { client_us, server_us, wait_us: [wait_us; QUANTILES.len()] }
    }

    /// Of what operations took, in microseconds, sorted, while processors worked at each for so long on
    /// the average. Of no operations: no wait.
    pub fn of(client_us: f64, server_us: f64, took_us: &[f64]) -> Demand {
        let worked = client_us + server_us;
        let at = |quantile: f64| {
            let place = quantile * took_us.len().saturating_sub(1) as f64;
            let took = took_us.get(place.round() as usize).copied().unwrap_or(0.0);
            (took - worked).max(0.0)
        };
        Demand { client_us, server_us, wait_us: QUANTILES.map(at) }
    }

    /// Processor time of who asks, and of who is asked.
    pub fn processor(self) -> [Duration; 2] {
        [self.client_us, self.server_us].map(micros)
    }

    /// How long the operation waits that is longer than this share of all, from 0 to 1.
    pub fn wait(self, share: f64) -> Duration {
        let above = QUANTILES.iter().position(|quantile| share <= *quantile);
        let above = above.unwrap_or(QUANTILES.len() - 1).max(1);
        let [from, to] = [QUANTILES[above - 1], QUANTILES[above]];
        let [shorter, longer] = [self.wait_us[above - 1], self.wait_us[above]];
        micros(shorter + (longer - shorter) * (share - from) / (to - from))
    }

    /// Whether these are times, each wait as long as the one before it at least.
    pub fn is_sound(self) -> bool {
        let is_time = |micros: &f64| (0.0..=60e6).contains(micros);
        let times = [self.client_us, self.server_us];
        times.iter().chain(&self.wait_us).all(is_time) && self.wait_us.is_sorted()
    }
}

/// To the nanosecond.
fn micros(micros: f64) -> Duration {
    Duration::from_nanos((micros * 1000.0).round() as u64)
}

/// A machine that everybody shares: services, databases, broker, and who asks them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// How many operations are worked at side by side.
    pub processors: usize,
    /// What each kind of work takes. What is left out takes nothing.
    pub demands: BTreeMap<WorkKind, Demand>,
}

impl Machine {
    /// What one operation takes.
    pub fn demand(&self, kind: WorkKind) -> Demand {
        self.demands.get(&kind).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_it_is_called() {
        for kind in WorkKind::ALL {
            let written = serde_json::to_string(&kind).expect("a word");
            assert_eq!(written, format!("{:?}", kind.as_str()));
        }
    }

    #[test]
    fn a_demand_is_kept_to_the_nanosecond() {
        let demand = Demand::constant(1.5, 0.0004, 2000.0);
        assert_eq!(demand.processor(), [Duration::from_nanos(1500), Duration::ZERO]);
        assert_eq!([0.0, 0.3, 1.0].map(|share| demand.wait(share).as_micros()), [2000; 3]);
        assert!(demand.is_sound());
        assert!(!Demand::constant(1.0, 1.0, -1.0).is_sound());
        assert!(!Demand { client_us: f64::NAN, ..demand }.is_sound());
        let mut falling = demand;
        falling.wait_us[0] = 2001.0;
        assert!(!falling.is_sound());
    }

    #[test]
    fn waits_are_as_long_as_those_that_were_measured() {
        let took: Vec<f64> = (0..=1000).map(f64::from).collect();
        let demand = Demand::of(60.0, 40.0, &took);
        assert_eq!(demand.wait_us, [0.0, 0.0, 150.0, 400.0, 650.0, 800.0, 890.0, 899.0, 900.0]);
        let waits = [0.0, 0.25, 0.375, 0.5, 0.95, 1.0].map(|share| demand.wait(share).as_micros());
        assert_eq!(waits, [0, 150, 275, 400, 850, 900]);
        assert_eq!(Demand::of(1.0, 1.0, &[]).wait(0.5), Duration::ZERO);
    }
}
