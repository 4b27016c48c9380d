//! The arguments: clap reads the help, the defaults and the mistakes' answers from these types.

use std::num::{NonZeroU8, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use stormproof_sim::shop::{shrink, swarm};

use super::subject;

/// The subject that is drawn from the seed instead of read from a file.
pub const STORM: &str = "storm";

/// How many seeds are explored unless told otherwise.
pub const SEEDS: u64 = 300;

/// Where the report of a first look is written, from the workspace's folder on.
const REPORT: &str = "target/sim/report.html";

/// Runs the shop in seeded worlds. Without a command: explores 300 swarm seeds on all cores,
/// prints what they came to and writes target/sim/report.html.
#[derive(Debug, Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim", version)]
#[command(after_help = "Exit codes: 0 held, 1 broken, 2 could not run.")]
pub struct Arguments {
    /// One JSON object on standard output, and nothing else.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs one scenario under one seed and tells its story.
    Run(Run),
    /// Runs many seeds and groups what broke.
    Explore(Explore),
    /// Runs a scenario with every fault at every moment.
    Sweep(Sweep),
    /// Finds the smallest scenario that still breaks the same invariant.
    Shrink(Shrink),
    /// Asks what a broken run depends on: when it became likely, and which faults it takes.
    Explain(Explain),
    /// Compares runs of the same seeds, alone and after others, line by line.
    Check(Check),
    /// Shows the registries.
    List(List),
    /// Plants each known bug in turn and tells how soon it is found.
    Bugs(Bugs),
    /// Measures speed and memory, beside a reference measured in the same run.
    Bench(Bench),
    /// Runs seeds for another process: one outcome a line.
    #[command(hide = true)]
    Worker(Worker),
    /// Runs documents for another process, as it is told: one outcome a line.
    #[command(hide = true)]
    Errands,
}

#[derive(Args, Debug)]
pub struct Run {
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from the seed.
    pub scenario: String,
    /// The scenario's own seed, unless said otherwise.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How `storm` draws.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Plants a bug of sim/bugs/ first, in a copy of the tree.
    #[arg(long, value_name = "NAME")]
    pub bug: Option<String>,
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
    /// How many processes; one for each core, unless said otherwise.
    #[arg(long, value_name = "J")]
    pub jobs: Option<NonZeroUsize>,
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from each seed.
    #[arg(long, default_value = STORM)]
    pub scenario: String,
    /// How `storm` draws.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Plants a bug of sim/bugs/ first, in a copy of the tree.
    #[arg(long, value_name = "NAME")]
    pub bug: Option<String>,
    /// Writes a report.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Sweep {
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from the seed.
    pub scenario: String,
    /// The scenario's own seed, unless said otherwise.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// One fault at a time, or all pairs too.
    #[arg(long, value_name = "1|2", default_value = "1", value_parser = faults_at_once)]
    pub faults: NonZeroU8,
    /// Only faults of these kinds, named as in scenarios; all, unless said otherwise.
    #[arg(long = "kind", value_name = "KIND", num_args = 1..)]
    pub kinds: Vec<String>,
    /// How many processes; one for each core, unless said otherwise.
    #[arg(long, value_name = "J")]
    pub jobs: Option<NonZeroUsize>,
    /// Goes on with the pairs of a sweep that was broken off.
    #[arg(long)]
    pub resume: bool,
}

#[derive(Args, Debug)]
pub struct Shrink {
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from the seed.
    pub scenario: String,
    /// The scenario's own seed, unless said otherwise.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How `storm` draws.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Which of several broken invariants; the first, unless said otherwise.
    #[arg(long, value_name = "NAME")]
    pub invariant: Option<String>,
    /// Where the scenario goes; its snapshot and its diagram beside it. In target/sim/shrunk/,
    /// unless said otherwise.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How many processes; one for each core, unless said otherwise.
    #[arg(long, value_name = "J")]
    pub jobs: Option<NonZeroUsize>,
    /// How many candidates are run at the most.
    #[arg(long, value_name = "N", default_value_t = shrink::CANDIDATES_MAX)]
    pub candidates: u64,
}

#[derive(Args, Debug)]
pub struct Explain {
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from the seed.
    pub scenario: String,
    /// The scenario's own seed, unless said otherwise.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How `storm` draws.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Which of several broken invariants; the first, unless said otherwise.
    #[arg(long, value_name = "NAME")]
    pub invariant: Option<String>,
    /// How often chance is drawn anew for each line.
    #[arg(long, value_name = "K", default_value = "50")]
    pub runs: NonZeroU64,
    /// From how many moments on.
    #[arg(long, value_name = "N", default_value = "16")]
    pub moments: NonZeroUsize,
    /// How many processes; one for each core, unless said otherwise.
    #[arg(long, value_name = "J")]
    pub jobs: Option<NonZeroUsize>,
}

#[derive(Args, Debug)]
pub struct Check {
    /// How many seeds.
    #[arg(long, value_name = "N", default_value = "20")]
    pub seeds: NonZeroU64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub from: u64,
    /// How many processes; one for each core, unless said otherwise.
    #[arg(long, value_name = "J")]
    pub jobs: Option<NonZeroUsize>,
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from each seed.
    #[arg(long, default_value = STORM)]
    pub scenario: String,
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
    /// How many processes; one for each core, unless said otherwise.
    #[arg(long, value_name = "J")]
    pub jobs: Option<NonZeroUsize>,
    /// How `storm` draws.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
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
pub struct Bench {
    /// How long each measurement takes, about.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "3s")]
    pub time: Duration,
}

#[derive(Args, Debug)]
pub struct Worker {
    #[arg(long)]
    pub scenario: String,
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
    /// Ends with this process's peak memory in KiB on standard error.
    #[arg(long)]
    pub memory: bool,
}

/// How `storm` draws a world from a seed.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Registry {
    Scenarios,
    Faults,
    Invariants,
    Moments,
    Sometimes,
    Bugs,
}

impl Explore {
    /// What is run when nothing was asked for.
    pub fn first_look() -> Explore {
        Explore {
            seeds: None,
            time: None,
            from: 1,
            jobs: None,
            scenario: STORM.to_owned(),
            profile: Profile::default(),
            bug: None,
            html: Some(subject::workspace().join(REPORT)),
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

impl From<Profile> for swarm::Profile {
    fn from(profile: Profile) -> swarm::Profile {
        match profile {
            Profile::Swarm => swarm::Profile::Swarm,
            Profile::Uniform => swarm::Profile::Uniform,
            Profile::Priority => swarm::Profile::Priority,
        }
    }
}

/// The number of worker processes.
pub fn jobs(asked: Option<NonZeroUsize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    asked.map_or_else(cores, NonZeroUsize::get)
}

/// How many faults a sweep puts into one run.
fn faults_at_once(text: &str) -> Result<NonZeroU8, String> {
    let number = text.parse().ok().filter(|number: &NonZeroU8| number.get() <= 2);
    number.ok_or_else(|| "expected 1, or 2 for all pairs".to_owned())
}

/// A length of wall time: `500ms`, `60s`, `5m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected such as 500ms, 60s, 5m or 1h".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    match number.checked_mul(milliseconds) {
        // Longer than a year is a slip of the finger, and would overflow an instant.
        Some(length @ 1..=31_536_000_000) => Ok(Duration::from_millis(length)),
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, i32> {
        let words = std::iter::once("sim").chain(line.split_whitespace());
        Arguments::try_parse_from(words).map_err(|error| error.exit_code())
    }

    fn explore(line: &str) -> Explore {
        match parse(line).expect("well formed").command {
            Some(Command::Explore(explore)) => explore,
            other => panic!("{other:?} is not explore"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn nothing_asked_is_a_first_look() {
        let asked = parse("").expect("well formed");
        assert!(asked.command.is_none() && !asked.json);
        assert_eq!(Explore::first_look().seeds(), SEEDS);
    }

    #[test]
    fn a_replay_line_is_understood() {
        let asked = parse("run storm --seed 48213").expect("well formed");
        let Some(Command::Run(run)) = asked.command else { panic!("not run") };
        assert_eq!((run.scenario.as_str(), run.seed), ("storm", Some(48213)));
    }

    #[test]
    fn seeds_are_bounded_by_number_or_by_time() {
        assert_eq!(explore("explore").seeds(), SEEDS);
        assert_eq!(explore("explore --seeds 5").seeds(), 5);
        assert_eq!(explore("explore --for 60s").seeds(), u64::MAX);
        let both = explore("explore --for 2m --seeds 7 --from 9 --json");
        assert_eq!((both.seeds(), both.from), (7, 9));
        assert_eq!(both.time, Some(Duration::from_secs(120)));
    }

    #[test]
    fn json_is_taken_anywhere() {
        for line in ["--json", "--json list", "list --json", "list faults --json", "bench --json"] {
            assert!(parse(line).expect("well formed").json, "{line}");
        }
    }

    #[test]
    fn mistakes_end_with_two_and_help_with_zero() {
        for line in [
            "run",
            "explore --for 60",
            "explore --for 0s",
            "explore --seeds 0",
            "dance",
            "list insects",
            "bugs canary --pick 2",
            "bugs --record --clean 5",
        ] {
            assert_eq!(parse(line).err(), Some(2), "{line}");
        }
        assert_eq!(parse("--help").err(), Some(0));
    }
}
