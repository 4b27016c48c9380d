//! The environment that a scenario is played in: what its people need of it besides the shop's
//! addresses, what can be seen of it, and what a run's phases ask of it.
//!
//! The seeded world is one (`simulate.rs`), real processes on this machine are another. None of
//! them knows who judges.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_ports::Ports;

use crate::truth::final_state::FinalState;
use crate::truth::{Step, Truth};
use stormproof_faults::Fault;
use stormproof_faults::injector::StrikeTime;

/// Where people act.
pub trait Environment: Observed {
    /// The ports of somebody outside the shop: `customer-1`, `staff`.
    fn ports(&self, name: &str) -> Ports;

    /// A line of the story told by `name`; `order` may be empty.
    fn say(&self, name: &str, order: &str, words: &str);

    /// Sets `name` to work at once; completes when it is done.
    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()>;

    /// Makes a fault of the process family (crash, stop, pause) happen now.
    fn strike(&self, fault: &Fault);
}

/// What can be seen from outside.
pub trait Observed: Send + Sync {
    /// Time since the run began.
    fn elapsed(&self) -> Duration;

    /// What the story calls an order.
    fn alias(&self, order: &str) -> String;

    /// How many messages are ready in a queue.
    fn ready<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, usize>;

    /// Completes when the truth shows everything that was committed before.
    fn refreshed(&self) -> BoxFuture<'_, ()>;
}

/// What the phases of a run ask for.
pub trait Controlled: Environment {
    /// Completes when the storm begins, and says when that is: faults are told from then on.
    fn storm(&self) -> BoxFuture<'_, Duration>;

    /// Completes when nothing moves any more, neither as `outside` has it nor in here, and says when
    /// that is; `None`: not within `bound`.
    fn rest<'a>(&'a self, outside: Outside<'a>, bound: Duration)
    -> BoxFuture<'a, Option<Duration>>;

    /// Ends the storm: nothing goes wrong from now on, and whoever is down comes back.
    fn heal(&self) -> BoxFuture<'_, ()>;

    /// What became of the scenario's faults.
    fn faults(&self) -> FaultReport;

    /// Gathers what only the end can tell, next to the truth as it was followed.
    fn gather<'a>(&'a self, truth: Truth, outside: Outside<'a>) -> BoxFuture<'a, Gathered>;
}

/// Asks what is known outside of an environment about whether all is at rest.
pub type Outside<'a> = &'a (dyn Fn() -> Unrest + Sync);

/// What people have still to do, and what the truth does not show as done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unrest {
    /// In words; empty: nothing.
    pub moving: Vec<String>,
    /// How many commits there were: while it grows, something happens.
    pub commits: u64,
}

/// What became of the scenario's faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultReport {
    /// How often each kind fired.
    pub fired: BTreeMap<&'static str, u64>,
    /// Those that never did, by their place in the scenario.
    pub unfired: Vec<usize>,
    /// When each of them that fired did.
    pub strikes: Vec<StrikeTime>,
}

/// What only the end can tell.
pub struct Gathered {
    pub final_state: FinalState,
    /// Where commits could not be followed one by one: the truth at the end, and the way to it as
    /// one step, for the judge to follow now.
    pub whole: Option<(Truth, Step)>,
}
