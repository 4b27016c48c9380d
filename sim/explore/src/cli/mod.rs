//! The command line: what can be asked, and how the answer becomes an exit code.
//!
//! One command a file or a folder. `subject` is what they run; `process`, `pool`, `seeds` and `job_pool`
//! where they run it; `tally` what many runs come to, `gaps` what they left out, `summary` and `report` how that
//! is told; `terminal` prints.

mod arguments;
mod bench;
mod bugs;
pub mod calibration;
mod check;
mod doctor;
mod explain;
mod explore;
mod failure_slice;
mod gaps;
mod instructions;
mod job_pool;
mod list;
mod mutate;
mod page;
mod pool;
mod process;
mod progress;
mod report;
mod run;
mod seeds;
mod shrink;
mod subject;
mod summary;
mod sweep;
mod tally;
mod terminal;
#[cfg(test)]
mod testing;
mod worker;

use std::process::ExitCode;

use super::System;
pub use terminal::print;

use arguments::{Arguments, Command, CommandLine, Explore};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Every invariant held.
    Held,
    /// An invariant broke, a run did not come to its end, or the seeds left a gap of coverage.
    Broken,
    /// What was asked could not be run as it was asked; the command has said why.
    CouldNotRun,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> ExitCode {
        ExitCode::from(match verdict {
            Verdict::Held => 0,
            Verdict::Broken => 1,
            Verdict::CouldNotRun => 2,
        })
    }
}

/// The whole command line of `system`: does what this process's arguments ask. Mistakes in them end
/// the process here, with exit code 2.
///
/// ```no_run
/// # use std::process::ExitCode;
/// # struct Hidden<MySystem>(MySystem);
/// # impl<MySystem: stormproof_explore::System + Default> Hidden<MySystem> {
/// fn main() -> ExitCode {
///     stormproof_explore::cli::main(&MySystem::default())
/// }
/// # }
/// # fn main() {}
/// ```
pub fn main(system: &impl System) -> ExitCode {
    let arguments = match arguments::read(system.about(), system.commands()) {
        CommandLine::Explorer(arguments) => arguments,
        CommandLine::Own(command, rest) => return (command.run)(&rest),
    };
    match dispatch(system, arguments) {
        Ok(verdict) => verdict.into(),
        Err(message) => {
            terminal::complain(&message);
            Verdict::CouldNotRun.into()
        }
    }
}

/// An error is a sentence for the person who asked: nothing could be run.
fn dispatch(system: &impl System, arguments: Arguments) -> Result<Verdict, String> {
    let json = arguments.json;
    match arguments.command {
        None => explore::explore(system, &Explore::first_look(system.about()), json),
        Some(Command::Run(asked)) => run::run(system, &asked, json),
        Some(Command::Explore(asked)) => explore::explore(system, &asked, json),
        Some(Command::Sweep(asked)) => sweep::sweep(system, &asked, json),
        Some(Command::Shrink(asked)) => shrink::shrink(system, &asked, json),
        Some(Command::Explain(asked)) => explain::explain(system, &asked, json),
        Some(Command::Check(asked)) => check::check(system, &asked, json),
        Some(Command::Doctor(asked)) => doctor::doctor(system, &asked, json),
        Some(Command::List(asked)) => list::list(system, &asked, json),
        Some(Command::Bugs(asked)) => bugs::bugs(system, &asked, json),
        Some(Command::Mutate(asked)) => mutate::mutate(system, &asked, json),
        Some(Command::Bench(asked)) if asked.instructions => {
            instructions::instructions(system, &asked, json)
        }
        Some(Command::Bench(asked)) => bench::bench(system, &asked, json),
        Some(Command::Worker(asked)) => worker::work(system, &asked),
        Some(Command::Jobs) => worker::run_jobs(system),
        Some(Command::Mutants) => mutate::run_orders(system),
        Some(Command::Examine) => doctor::examine(system),
    }
}
