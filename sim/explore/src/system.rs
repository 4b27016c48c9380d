//! What the explorer asks of a system: its scenarios, its runs, and the names of what can happen.

use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::bugs::Patches;
use super::entries::Entry;
use super::shrink::Pass;
use stormproof_faults::document::{Document, Scenario};
use stormproof_faults::files::Files;
use stormproof_faults::mistake::Mistake;
use stormproof_faults::outcome::Outcome;
use stormproof_faults::topology::Topology;
use stormproof_world::Reseed;

/// When the storm begins: before it a system is set up, which no timed fault disturbs.
pub const ZERO: Duration = Duration::from_secs(1);

/// A system whose failures are explored.
///
/// Two inputs decide a run: a scenario and a seed. An implementation owes the same outcome for the
/// same pair, byte for byte, in any process and after any other runs.
pub trait System: Sync {
    /// What happens in a run, checked.
    type Scenario: Scenario;

    /// How it and its command line call themselves.
    fn about(&self) -> About;

    /// What there is to fail.
    fn topology(&self) -> &Topology;

    /// Every kind of fault, by the name that outcomes count it by.
    fn faults(&self) -> Vec<Entry>;

    /// Every invariant, by the name that breaches bear.
    fn invariants(&self) -> Vec<Entry>;

    /// What must happen sometimes over many seeds, by the name that outcomes count it by.
    fn sometimes(&self) -> Vec<Entry>;

    /// Reads a scenario; `file` is named in mistakes, its stem names the scenario.
    ///
    /// # Errors
    /// The first mistake: where it stands, and what was expected.
    fn parse(&self, file: &str, text: &str) -> Result<Self::Scenario, Mistake>;

    /// Checks a scenario that was written by no hand.
    ///
    /// # Errors
    /// Why it cannot run.
    fn check(&self, name: &str, document: DocumentOf<Self>) -> Result<Self::Scenario, Mistake>;

    /// The storm of `seed`: a scenario that nobody wrote, and that can run.
    fn draw(&self, seed: u64, profile: Profile) -> DocumentOf<Self>;

    /// Runs a scenario under a seed.
    fn simulate(&self, scenario: &Self::Scenario, seed: u64, options: Options) -> Outcome;

    /// How documents get smaller, in the order in which it is worth trying: those that serve every
    /// system ([`passes`](crate::passes)) among its own.
    fn passes(&self) -> Vec<Pass<'_, DocumentOf<Self>, Outcome>>;

    /// The bugs that can be planted in it; none, unless it brings some.
    fn patches(&self) -> Option<Patches> {
        None
    }

    /// The folder that keeps what became of mutants and which of them are argued to be no
    /// mistake, from the workspace's folder on; none, unless it has one.
    fn mutants(&self) -> Option<&'static str> {
        None
    }

    /// Commands beside those that every system has; none, unless it brings some.
    fn commands(&self) -> &[OwnCommand] {
        &[]
    }

    /// A scenario in which nothing goes wrong, to measure speed by: with about so many pieces of work, if
    /// the system can choose.
    fn fair_weather(&self, _pieces: u64) -> Option<FairWeather<Self::Scenario>> {
        None
    }

    /// The file that keeps how many instructions storms and pieces of work take, from the workspace's
    /// folder on; none, unless it has one.
    fn instructions(&self) -> Option<&'static str> {
        None
    }
}

/// The documents of a system's scenarios.
pub type DocumentOf<S> = <<S as System>::Scenario as Scenario>::Document;

/// The kinds of fault that only a system itself can suffer.
pub type OwnOf<S> = <DocumentOf<S> as Document>::Own;

/// A command that only one system has.
#[derive(Clone, Copy, Debug)]
pub struct OwnCommand {
    /// How it is called; no other command's name.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Does it, given the arguments after its name. It answers `--help` too.
    pub run: fn(&[String]) -> ExitCode,
}

/// How a system and its command line call themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// How its command line is called: `cargo sim`.
    pub command: &'static str,
    /// What the command is for, in a sentence.
    pub purpose: &'static str,
    /// One piece of work that a run does: `order`. The figure of the same name, in the plural, counts
    /// them.
    pub unit: &'static str,
    /// Where its scenario files are.
    pub files: Files,
    /// The test that compares scenarios with their snapshots, as snapshots name it.
    pub snapshots_of: &'static str,
}

/// What a run is to keep besides its figures, and whether chance is drawn anew in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// What happened, line by line.
    pub story: bool,
    /// Every event as a JSON line.
    pub trace: bool,
    /// Every pass of a moment, as faults can be aimed at it.
    pub passages: bool,
    /// From which time of the storm on chance is drawn anew.
    #[serde(default)]
    pub reseed: Option<Reseed>,
    /// Transactions one after the other, though they overlap otherwise: another world, to compare with.
    #[serde(default)]
    pub serial: bool,
}

/// How storms are drawn from seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// First switches whole kinds of fault off, then draws rates for the rest.
    #[default]
    Swarm,
    /// Every kind of fault at the same rate.
    Uniform,
    /// One to three faults, each at a named moment, the rare ones as likely as the busy ones.
    Priority,
}

/// A scenario in which nothing goes wrong.
pub struct FairWeather<S> {
    /// Work, and no faults.
    pub scenario: S,
    /// Says why a run is no measure: what it was to do has not been done.
    pub check: fn(&Outcome) -> Result<(), String>,
}

impl About {
    /// The name of the figure that counts pieces of work.
    pub fn units(&self) -> String {
        format!("{}s", self.unit)
    }
}

impl Profile {
    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Profile::Swarm => "swarm",
            Profile::Uniform => "uniform",
            Profile::Priority => "priority",
        }
    }
}
