//! What is to be rehearsed, and how.

use std::time::Duration;

use stormproof_shop::scenario::Scenario;

use super::fault_support::Sorted;
use super::time_scale::TimeScale;

pub struct Plan<'a> {
    pub scenario: &'a Scenario,
    pub sorted: &'a Sorted,
    pub scale: TimeScale,
    /// How long nothing may change before a wait for rest is given up, in real time.
    pub patience: Duration,
}
