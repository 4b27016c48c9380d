//! One rate after the other, and where the shop no longer follows. Pure.

use std::time::Duration;

use serde::Serialize;

use super::pace::Due;
use super::shopping::Shopped;
use super::spread::Spread;
use super::timelines::{settled_a_second, settled_in};

/// A shop that brings less than this share of what it is offered does not follow.
const FOLLOWS_FROM: f64 = 0.95;

/// All steps, in their order.
#[derive(Clone, Debug, Serialize)]
pub struct Ramp {
    pub steps: Vec<RampStep>,
    /// The longest p99 that is no knee.
    pub settled_within_ms: f64,
    pub knee: Option<Knee>,
    /// The most that any step brought.
    pub brought_max: f64,
}

/// What the shop made of one rate. All is settled before the next step begins.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RampStep {
    /// Orders a second, as asked for.
    pub rate: u32,
    pub orders: usize,
    /// Orders that were due, a second: by chance not quite the rate.
    pub offered: f64,
    /// Orders that settled, a second, in as long a while as the step's, from the first one settled on.
    pub brought: f64,
    /// From when an order was due.
    pub answered: Option<Spread>,
    pub settled: Option<Spread>,
}

/// The first step at which the shop did not follow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Knee {
    pub rate: u32,
    pub why: String,
}

impl RampStep {
    pub fn of(shopped: &Shopped, due: &Due) -> RampStep {
        RampStep {
            rate: due.rate,
            orders: shopped.orders.len(),
            offered: due.moments.len() as f64 / due.length.as_secs_f64(),
            brought: settled_a_second(&shopped.courses, due.length),
            answered: Spread::of(shopped.orders.iter().map(|order| order.answered_in)),
            settled: Spread::of(settled_in(&shopped.orders, &shopped.courses).into_iter()),
        }
    }

    /// Why the shop does not follow here, if so.
    fn falls_behind(&self, within_ms: f64) -> Option<String> {
        let share = self.brought / self.offered;
        if share < FOLLOWS_FROM {
            return Some(format!("brought {:.0} % of what was offered", share * 100.0));
        }
        let p99 = self.settled.as_ref().map(|settled| settled.p99_ms)?;
        (p99 > within_ms).then(|| format!("p99 settled {p99:.0} ms, above {within_ms:.0} ms"))
    }
}

impl Ramp {
    pub fn new(within: Duration) -> Ramp {
        let settled_within_ms = within.as_secs_f64() * 1000.0;
        Ramp { steps: Vec::new(), settled_within_ms, knee: None, brought_max: 0.0 }
    }

    /// Takes the next step's figures. Whether the ramp ends with it: it goes one step beyond the knee, to
    /// show that it is one.
    pub fn ends_with(&mut self, step: RampStep) -> bool {
        let is_beyond = self.knee.is_some();
        if !is_beyond {
            let why = step.falls_behind(self.settled_within_ms);
            self.knee = why.map(|why| Knee { rate: step.rate, why });
        }
        self.brought_max = self.brought_max.max(step.brought);
        self.steps.push(step);
        is_beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(rate: u32, brought: f64, p99_ms: f64) -> RampStep {
        let settled = Spread { p50_ms: 1.0, p90_ms: 1.0, p99_ms, max_ms: p99_ms };
        let (orders, offered) = (100, f64::from(rate));
        RampStep { rate, orders, offered, brought, answered: None, settled: Some(settled) }
    }

    /// The knee, and how many steps were taken.
    fn climb(steps: &[RampStep]) -> (Option<(u32, String)>, usize) {
        let mut ramp = Ramp::new(Duration::from_secs(1));
        let mut steps = steps.iter().cloned();
        while steps.next().is_some_and(|step| !ramp.ends_with(step)) {}
        (ramp.knee.map(|knee| (knee.rate, knee.why)), ramp.steps.len())
    }

    #[test]
    fn the_knee_is_the_first_step_that_the_shop_does_not_follow() {
        let fine = |rate: u32| step(rate, f64::from(rate), 50.0);
        let less = [fine(10), fine(20), step(30, 28.4, 50.0), step(40, 28.0, 50.0), fine(50)];
        assert_eq!(climb(&less), (Some((30, "brought 95 % of what was offered".into())), 4));
        let late = [fine(10), fine(20), step(30, 30.0, 1001.0), fine(40), fine(50)];
        assert_eq!(climb(&late), (Some((30, "p99 settled 1001 ms, above 1000 ms".into())), 4));
    }

    #[test]
    fn a_shop_that_follows_has_no_knee() {
        // Just enough, and just in time.
        let mut ramp = Ramp::new(Duration::from_secs(1));
        assert!(!ramp.ends_with(step(20, 19.0, 1000.0)));
        assert!(!ramp.ends_with(step(30, 30.0, 10.0)));
        assert_eq!((ramp.knee, ramp.steps.len()), (None, 2));
        assert!((ramp.brought_max - 30.0).abs() < 1e-9);
    }
}
