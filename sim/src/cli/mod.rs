//! The command line: what can be asked, and how the answer becomes an exit code.
//!
//! One command a file. `subject` is what they run, `registries` what there is, `process`, `workers`
//! and `pool` where they run it, `tally` what many runs come to, `summary` and `report` how that is
//! told; `terminal` prints.

mod arguments;
mod bench;
mod bugs;
mod calibration;
mod check;
mod explain;
mod explore;
mod failure_slice;
mod list;
mod page;
mod pool;
mod process;
mod progress;
mod registries;
mod report;
mod run;
mod shrink;
mod subject;
mod summary;
mod sweep;
mod tally;
mod terminal;
#[cfg(test)]
mod testing;
mod worker;
mod workers;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, Explore};

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

/// Does what the arguments ask. Mistakes in them end the process here, with exit code 2.
pub fn main() -> ExitCode {
    match dispatch(Arguments::parse()) {
        Ok(verdict) => verdict.into(),
        Err(message) => {
            terminal::complain(&message);
            Verdict::CouldNotRun.into()
        }
    }
}

/// An error is a sentence for the person who asked: nothing could be run.
fn dispatch(arguments: Arguments) -> Result<Verdict, String> {
    let json = arguments.json;
    match arguments.command {
        None => explore::explore(&Explore::first_look(), json),
        Some(Command::Run(asked)) => run::run(&asked, json),
        Some(Command::Explore(asked)) => explore::explore(&asked, json),
        Some(Command::Sweep(asked)) => sweep::sweep(&asked, json),
        Some(Command::Shrink(asked)) => shrink::shrink(&asked, json),
        Some(Command::Explain(asked)) => explain::explain(&asked, json),
        Some(Command::Check(asked)) => check::check(&asked, json),
        Some(Command::List(asked)) => list::list(&asked, json),
        Some(Command::Bugs(asked)) => bugs::bugs(&asked, json),
        Some(Command::Bench(asked)) => bench::bench(&asked, json),
        Some(Command::Worker(asked)) => worker::work(&asked),
        Some(Command::Jobs) => worker::run_jobs(),
    }
}
