//! How each command is asked.

use std::num::{NonZeroU8, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::SEEDS;
use super::shared::{Jobs, Variant, World};
use super::values::{duration, faults_at_once};
use crate::mutants::MutantKind;
use crate::registries::{Registry, STORM};
use crate::smaller::CANDIDATES_MAX;
use crate::{About, Profile};

/// Where the report of a first look is written, from the workspace's folder on.
const REPORT: &str = "target/sim/report.html";

#[derive(Args, Debug)]
pub struct Run {
    #[command(flatten)]
    pub world: World,
    #[command(flatten)]
    pub variant: Variant,
    /// Writes every event as a JSON line.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Writes a report.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Explore {
    /// How many seeds; 300, or as many as there is time for.
    #[arg(long, value_name = "N")]
    pub seeds: Option<NonZeroU64>,
    /// For how long at most, such as 60s.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub from: u64,
    #[command(flatten)]
    pub jobs: Jobs,
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from each seed.
    #[arg(long, default_value = STORM)]
    pub scenario: String,
    #[command(flatten)]
    pub variant: Variant,
    /// Writes a report.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Sweep {
    #[command(flatten)]
    pub world: World,
    /// One fault at a time, or all pairs too.
    #[arg(long, value_name = "1|2", default_value = "1", value_parser = faults_at_once)]
    pub faults: NonZeroU8,
    /// Only faults of these kinds, named as in scenarios; all, unless said otherwise.
    #[arg(long = "kind", value_name = "KIND", num_args = 1..)]
    pub kinds: Vec<String>,
    #[command(flatten)]
    pub jobs: Jobs,
    /// So many seeds of `storm` show on the map what random exploration tries.
    #[arg(long, value_name = "N", default_value_t = SEEDS)]
    pub storms: u64,
    /// Goes on with the pairs of a sweep that was broken off.
    #[arg(long)]
    pub resume: bool,
}

#[derive(Args, Debug)]
pub struct Shrink {
    #[command(flatten)]
    pub world: World,
    #[command(flatten)]
    pub variant: Variant,
    /// Which of several broken invariants; the first, unless said otherwise.
    #[arg(long, value_name = "NAME")]
    pub invariant: Option<String>,
    /// Where the scenario goes; its snapshot and its diagram beside it. In target/sim/shrunk/,
    /// unless said otherwise.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub jobs: Jobs,
    /// How many candidates are run at the most.
    #[arg(long, value_name = "N", default_value_t = CANDIDATES_MAX)]
    pub candidates: u64,
}

#[derive(Args, Debug)]
pub struct Explain {
    #[command(flatten)]
    pub world: World,
    #[command(flatten)]
    pub variant: Variant,
    /// Which of several broken invariants; the first, unless said otherwise.
    #[arg(long, value_name = "NAME")]
    pub invariant: Option<String>,
    /// How often chance is drawn anew for each line.
    #[arg(long, value_name = "K", default_value = "50")]
    pub runs: NonZeroU64,
    /// From how many moments on.
    #[arg(long, value_name = "N", default_value = "16")]
    pub moments: NonZeroUsize,
    #[command(flatten)]
    pub jobs: Jobs,
}

#[derive(Args, Debug)]
pub struct Check {
    /// How many seeds.
    #[arg(long, value_name = "N", default_value = "20")]
    pub seeds: NonZeroU64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub from: u64,
    #[command(flatten)]
    pub jobs: Jobs,
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from each seed.
    #[arg(long, default_value = STORM)]
    pub scenario: String,
}

#[derive(Args, Debug)]
pub struct Doctor {
    /// A name in scenarios/, a path to a file, or `storm`: worlds drawn from seeds.
    #[arg(default_value = STORM)]
    pub scenario: String,
    /// The scenario's own seed, or 1, 2 and 3 of `storm`, unless said otherwise.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How `storm` draws.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
}

#[derive(Args, Debug)]
pub struct List {
    /// Which registry; all of them, unless said otherwise.
    #[arg(value_enum)]
    pub registry: Option<Registry>,
}

#[derive(Args, Debug)]
pub struct Bugs {
    /// Names in sim/bugs/; all of them, unless said otherwise. A canary always flies first.
    pub names: Vec<String>,
    /// At most so many seeds in each range.
    #[arg(long, value_name = "N", default_value = "500")]
    pub seeds: NonZeroU64,
    /// In how many ranges of seeds, far apart, each bug is looked for.
    #[arg(long, value_name = "R", default_value = "5")]
    pub ranges: NonZeroU64,
    /// The first seed of the first range.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub from: u64,
    #[command(flatten)]
    pub jobs: Jobs,
    /// How `storm` draws: with the first of these each bug must be found, others (`swarm,priority`)
    /// are shown beside it.
    #[arg(
        long = "profile",
        value_name = "PROFILE",
        value_enum,
        value_delimiter = ',',
        default_values_t = [Profile::Swarm],
    )]
    pub profiles: Vec<Profile>,
    /// How many candidates are run at the most to shrink the first detection; 0: it is not shrunk.
    #[arg(long, value_name = "N", default_value_t = CANDIDATES_MAX)]
    pub candidates: u64,
    /// Only so many bugs, others every day.
    #[arg(long, value_name = "K", conflicts_with = "names")]
    pub pick: Option<NonZeroUsize>,
    /// Keeps how the bugs were found in sim/bugs/table.toml, if the control holds.
    #[arg(long, conflicts_with = "pick")]
    pub record: bool,
    /// Plants nothing: tells what N clean seeds mean, by what was recorded.
    #[arg(long, value_name = "N", conflicts_with_all = ["names", "pick", "record"])]
    pub clean: Option<NonZeroU64>,
}

#[derive(Args, Debug)]
pub struct Mutate {
    /// What is changed.
    #[arg(value_enum)]
    pub target: MutateTarget,
    /// At most so many seeds of `storm` for each mutant, after the scenarios.
    #[arg(long, value_name = "N", default_value = "1000")]
    pub seeds: NonZeroU64,
    #[command(flatten)]
    pub jobs: Jobs,
    /// Only mutants of these kinds; all, unless said otherwise.
    #[arg(long = "kind", value_name = "KIND", value_enum, num_args = 1..)]
    pub kinds: Vec<MutantKind>,
    /// Only mutants of statements that hold this, of this table or of this name; of functions and files that do.
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Only so many mutants, drawn from all.
    #[arg(long, value_name = "K")]
    pub sample: Option<NonZeroUsize>,
    /// Which so many.
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "sample")]
    pub sample_seed: u64,
    /// Only those that nobody noticed, by the record.
    #[arg(long)]
    pub missed: bool,
    /// Goes on with the results of one that was broken off.
    #[arg(long)]
    pub resume: bool,
    /// Where results are written as they come; target/sim/mutate/sql.jsonl or code.jsonl, unless said otherwise.
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// Keeps what became of the mutants, where the system keeps it, if canary and control hold.
    #[arg(long)]
    pub record: bool,
}

/// What mutants are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MutateTarget {
    /// The statements and migrations of services.
    Sql,
    /// The code of services: functions, operators, conditions, effects, errors.
    Code,
}

#[derive(Args, Debug)]
pub struct Bench {
    /// How long each measurement takes, about.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "3s")]
    pub time: Duration,
    /// Counts instructions instead, by valgrind, and holds them to those that are recorded.
    #[arg(long, conflicts_with = "time")]
    pub instructions: bool,
    /// Keeps what was counted; the commit says what a rise buys.
    #[arg(long, requires = "instructions")]
    pub record: bool,
}

#[derive(Args, Debug)]
pub struct Worker {
    #[arg(long)]
    pub scenario: String,
    /// Runs fair weather with about so many pieces of work, whatever the scenario.
    #[arg(long)]
    pub fair: Option<u64>,
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    #[arg(long, default_value_t = 1)]
    pub from: u64,
    #[arg(long, default_value_t = 1)]
    pub count: u64,
    /// How many times each seed is run before the next.
    #[arg(long, default_value_t = 1)]
    pub repeat: u32,
    #[arg(long)]
    pub story: bool,
    #[arg(long)]
    pub trace: bool,
    #[arg(long)]
    pub serial: bool,
    /// Ends with this process's peak memory in KiB on standard error.
    #[arg(long)]
    pub memory: bool,
}

impl Explore {
    /// What is run when nothing was asked for.
    pub fn first_look(system: About) -> Explore {
        Explore {
            seeds: None,
            time: None,
            from: 1,
            jobs: Jobs::default(),
            scenario: STORM.to_owned(),
            variant: Variant::default(),
            html: Some(system.files.workspace().join(REPORT)),
        }
    }

    /// How many seeds at most.
    pub fn seeds(&self) -> u64 {
        match (self.seeds, self.time) {
            (Some(seeds), _) => seeds.get(),
            (None, Some(_)) => u64::MAX,
            (None, None) => SEEDS,
        }
    }
}
