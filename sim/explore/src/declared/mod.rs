//! A system that is declared: its services, who asks them for what, when it is at rest, and what must
//! hold. Everything else is given: scenario files, storms, sweeps, shrinking, the runs and their judge.
//!
//! Whatever implements [`Declared`] is a [`System`](crate::System), and so has a command line:
//! `fn main() -> ExitCode { explore::cli::main(&MySystem) }`. Rows of its databases are what is judged:
//! after every commit, and once more at rest.
//!
//! `scenario.rs` is what its files hold and how they are checked, `storm.rs` what is drawn from a seed,
//! `smaller.rs` how a file shrinks, `run.rs` one run with its storm and its calm, `judge.rs` who looks.

mod invariant;
mod judge;
mod rows;
mod run;
mod scenario;
mod smaller;
mod storm;
mod system;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use stormproof_ports::{Mail, topology as queues};

use crate::About;
pub use invariant::{Invariant, Seen, When as Judged};
pub use judge::RESTS;
pub use rows::Rows;
pub use run::{Clients, Run};
pub use scenario::{Document, Scenario, WorldTable};
use stormproof_faults::outcome::Figures;
use stormproof_faults::topology::Topology;
use stormproof_world::ServiceSpec;
use stormproof_world::seed::Stream;

/// What a system says of itself to be explored.
///
/// It is made anew for each run from what is said here, so nothing that it holds may change.
pub trait Declared: Clone + Send + Sync + 'static {
    /// What clients do, as scenario files tell it under `[workload]`.
    type Workload: Workload;

    /// How it and its command line call themselves. The figure `<unit>s` counts pieces of work.
    fn about(&self) -> About;

    /// What there is to fail. What a service commits, publishes, asks or mails and is not told here
    /// cannot be aimed at.
    fn topology(&self) -> &Topology;

    /// Its services; how many replicas each has, a scenario says.
    fn services(&self) -> Vec<ServiceSpec>;

    /// Exchanges, queues and bindings to be declared at the broker.
    fn queues(&self) -> queues::Topology {
        queues::Topology::default()
    }

    /// What clients do in a storm.
    fn draw(&self, stream: &mut Stream) -> Self::Workload;

    /// Checks what a scenario file says of the workload.
    ///
    /// # Errors
    /// Why nobody can do that: what is said, and what was expected.
    fn check(&self, workload: &Self::Workload) -> Result<(), String> {
        let _ = workload;
        Ok(())
    }

    /// The workload in smaller forms, the smallest first; each smaller by a measure of its own.
    fn smaller(&self, workload: &Self::Workload) -> Vec<Self::Workload> {
        let _ = workload;
        Vec::new()
    }

    /// Who acts, and what they do, from the storm's beginning on.
    fn clients(&self, workload: &Self::Workload) -> Clients;

    /// Whether nothing moves any more but what clients do: a fact about the world, never a sleep.
    fn at_rest(&self, seen: &Seen<'_>) -> bool;

    /// What must hold.
    fn invariants(&self) -> Vec<Invariant>;

    /// Facts that have to come now and then over many seeds: noun and state.
    fn sometimes(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// What is counted at the end of a run.
    fn figures(&self, seen: &Seen<'_>) -> Figures;

    /// The template of a mail: moments of mails are named by it. Its subject, unless said otherwise.
    fn template(&self) -> fn(&Mail) -> String {
        |mail| mail.subject.clone()
    }

    /// What stories call the subjects of facts by, before their numbers; by their ids, unless said.
    fn alias(&self) -> Option<String> {
        None
    }

    /// How long after a storm it may take to come to rest.
    fn calm(&self) -> Duration {
        Duration::from_secs(600)
    }
}

/// Plain data that says what clients do.
pub trait Workload:
    Clone + fmt::Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<W> Workload for W where
    W: Clone
        + fmt::Debug
        + Default
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}
