//! The scene that a scenario is played on: what its people need of it besides the shop's own doors,
//! and what its phases ask of it.
//!
//! The seeded world is one (`simulate.rs`), real processes on this machine are another.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_system::ports::Ports;
use stormproof_system::time::Time;

use crate::shop::judge::Judge;
use crate::shop::truth::reckoning::Reckoning;
use crate::storm::Fault;

/// Where people act.
pub trait Scene: Send + Sync {
    /// The ports of somebody outside the shop: `customer-1`, `staff`.
    fn ports(&self, name: &str) -> Ports;

    /// A line of the story told by `name`; `order` may be empty.
    fn say(&self, name: &str, order: &str, words: &str);

    /// Time since the scene was set.
    fn elapsed(&self) -> Duration;

    /// The time of day, by a clock that nothing disturbs.
    fn now(&self) -> Time;

    /// Completes when `duration` has passed; belongs to nobody.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Makes a fault of the process family (crash, stop, pause) happen now.
    fn strike(&self, fault: &Fault);

    /// How many messages are ready in a queue.
    fn ready<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, usize>;

    /// Completes when the mirror shows everything that was committed before.
    fn refreshed(&self) -> BoxFuture<'_, ()>;

    /// What the story calls an order.
    fn alias(&self, order: &str) -> String;

    /// Sets `name` to work at once; completes when it is done.
    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()>;

    /// Completes when the storm begins, and says when that is: faults are told from then on.
    fn storm(&self) -> BoxFuture<'_, Duration>;

    /// Completes when nothing moves any more, and says when that is; `None`: not within `bound`.
    fn rest<'a>(&'a self, judge: &'a Judge, bound: Duration) -> BoxFuture<'a, Option<Duration>>;

    /// Ends the storm: nothing goes wrong from now on, and whoever is down comes back.
    fn heal(&self) -> BoxFuture<'_, ()>;

    /// How often faults of each kind fired.
    fn fired(&self) -> BTreeMap<&'static str, u64>;

    /// The faults that never fired, by their place in the scenario.
    fn unfired(&self) -> Vec<usize>;

    /// Gathers what only the end can tell. `rested_at`: seconds of the storm until the last rest.
    fn gather<'a>(&'a self, judge: &'a Judge, rested_at: Option<f64>) -> BoxFuture<'a, Reckoning>;
}
