//! The arguments: clap reads the help, the defaults and the mistakes' answers from these types.
//!
//! Here is what there is to be asked for; `commands.rs` says how each command is asked, `shared.rs`
//! what several of them take, `values.rs` what the words and numbers stand for.

mod commands;
mod shared;
mod values;

use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{About, OwnCommand};
pub use commands::{
    Bench, Bugs, Check, Doctor, Explain, Explore, List, Mutate, MutateTarget, Run, Shrink, Sweep,
    Worker,
};
pub use shared::{Jobs, Variant};

/// How many seeds are explored unless told otherwise.
pub const SEEDS: u64 = 300;

/// The whole command line; how it is called and what it is for, the system says.
#[derive(Debug, Parser)]
#[command(version, about = None, long_about = None)]
#[command(after_help = "Exit codes: 0 held, 1 broken, 2 could not run.")]
pub struct Arguments {
    /// One JSON object on standard output, and nothing else.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What is asked for.
pub enum CommandLine<'a> {
    Explorer(Arguments),
    /// A command of the system's own, with the arguments after its name.
    Own(&'a OwnCommand, Vec<String>),
}

/// The arguments after the name of a command of a system's own, which reads them itself.
const REST: &str = "arguments";

/// The arguments of this process; mistakes in them, and a call for help, end it.
pub fn read(system: About, own: &[OwnCommand]) -> CommandLine<'_> {
    let definition = own.iter().fold(Arguments::definition(system), |all, it| {
        let rest = Arg::new(REST).num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
        let command = clap::Command::new(it.name).about(it.about).disable_help_flag(true);
        all.subcommand(command.arg(rest))
    });
    asked(&definition.get_matches(), own)
}

fn asked<'a>(matches: &ArgMatches, own: &'a [OwnCommand]) -> CommandLine<'a> {
    let called = matches.subcommand();
    let own = called.and_then(|(name, rest)| Some((own.iter().find(|it| it.name == name)?, rest)));
    match own {
        Some((command, rest)) => {
            let json = matches.get_flag("json").then(|| "--json".to_owned());
            let rest = rest.get_many::<String>(REST).unwrap_or_default().cloned();
            CommandLine::Own(command, rest.chain(json).collect())
        }
        None => match Arguments::from_arg_matches(matches) {
            Ok(arguments) => CommandLine::Explorer(arguments),
            Err(error) => error.exit(),
        },
    }
}

impl Arguments {
    fn definition(system: About) -> clap::Command {
        let About { command, purpose, .. } = system;
        let without = format!(
            "{purpose} Without a command: explores {SEEDS} swarm seeds on all cores, prints what \
             they came to and writes target/sim/report.html"
        );
        Arguments::command().name(command).bin_name(command).about(without)
    }
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
    /// Asks whether runs are deterministic and stay in their world; if not, whose code it is.
    Doctor(Doctor),
    /// Shows the registries.
    List(List),
    /// Plants each known bug in turn and tells how soon it is found.
    Bugs(Bugs),
    /// Changes one thing after the other in the SQL that services run, and tells who notices.
    Mutate(Mutate),
    /// Measures speed and memory, beside a reference measured in the same run.
    Bench(Bench),
    /// Runs seeds for another process: one outcome a line.
    #[command(hide = true)]
    Worker(Worker),
    /// Runs documents for another process, as it is told: one outcome a line.
    #[command(hide = true)]
    Jobs,
    /// Runs mutants for `mutate`, as it is told.
    #[command(hide = true)]
    Mutants,
    /// Runs documents for `doctor`, under watch, as it is told: what was seen, a line each.
    #[command(hide = true)]
    Examine,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::testing::ABOUT;

    fn parse(line: &str) -> Result<Arguments, i32> {
        let words = std::iter::once("sim").chain(line.split_whitespace());
        let matches = Arguments::definition(ABOUT).try_get_matches_from(words);
        let parsed = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
        parsed.map_err(|error| error.exit_code())
    }

    fn explore(line: &str) -> Explore {
        match parse(line).expect("well formed").command {
            Some(Command::Explore(explore)) => explore,
            other => panic!("{other:?} is not explore"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::definition(ABOUT).debug_assert();
    }

    #[test]
    fn nothing_asked_is_a_first_look() {
        let asked = parse("").expect("well formed");
        assert!(asked.command.is_none() && !asked.json);
        assert_eq!(Explore::first_look(ABOUT).seeds(), SEEDS);
    }

    #[test]
    fn a_replay_line_is_understood() {
        let asked = parse("run storm --seed 48213").expect("well formed");
        let Some(Command::Run(run)) = asked.command else { panic!("not run") };
        assert_eq!((run.world.scenario.as_str(), run.world.seed), ("storm", Some(48213)));
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
        for line in [
            "--json",
            "doctor --json",
            "--json list",
            "list --json",
            "list faults --json",
            "bench --json",
        ] {
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
