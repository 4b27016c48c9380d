//! `stormproof measure`: what single operations take on this machine, one after the other, of the shop's
//! own bindings and servers: statements and commits, HTTP requests, messages, mails. Written as a file,
//! from which `cargo sim load` predicts what the shop does under load.
//!
//! No order is placed: each operation is measured by itself, in a scratch database and a scratch queue
//! that are dropped again. The shop is there meanwhile and has nothing to do; what it takes in idleness
//! is measured first and not counted.

mod mails;
mod messages;
mod requests;
mod sleeps;
mod statements;
mod stopwatch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use stormproof_ports::machine::{Demand, Machine, WorkKind};
use stormproof_shop::load::machine_file;

use super::load::processes::{self, NamedProcess};
use crate::admin_client::ShopAddress;
use crate::terminal::print;
use stopwatch::Stopwatch;

/// What is measured, and where it is written.
#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    reach: ShopAddress,
    /// The servers, whose processor time is measured by Linux's /proc, with all their children:
    /// postgres, rabbitmq and store; and mail, for `--mail-to`.
    #[arg(long, value_name = "NAME=PID", required = true)]
    pid: Vec<NamedProcess>,
    /// How often each operation is done.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    rounds: u32,
    /// Sends mails to this address, a tenth of the rounds; without it a mail is taken to be what a request
    /// is.
    #[arg(long, value_name = "ADDRESS")]
    mail_to: Option<String>,
    /// Where the machine is written; to standard output if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The servers that are asked, as `--pid` names them.
const POSTGRES: &str = "postgres";
const RABBITMQ: &str = "rabbitmq";
const STORE: &str = "store";
const MAIL: &str = "mail";

/// Measures and writes.
///
/// # Errors
/// In words: what cannot be reached or measured.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let config = arguments.reach.config()?;
    if arguments.reach.data.is_some() {
        return Err(
            "--data: expected a served shop, whose servers are processes of their own".into()
        );
    }
    let watch = Stopwatch::start(arguments.processes()?).await?;
    let rounds = arguments.rounds;
    let mut demands: BTreeMap<WorkKind, Demand> =
        statements::measure(&config, &watch, rounds).await?.into();
    let request = requests::measure(&arguments.reach.context()?, &watch, rounds).await?;
    demands.insert(WorkKind::Request, request);
    demands.extend(messages::measure(&config, &watch, rounds).await?);
    let mail = match &arguments.mail_to {
        Some(to) => mails::measure(&config, &watch, to, rounds / 10).await?,
        None => request,
    };
    demands.insert(WorkKind::Mail, mail);
    demands.insert(WorkKind::Sleep, sleeps::measure(&watch, rounds).await?);
    let processors = available_parallelism().map_err(|error| format!("processors: {error}"))?;
    let machine = Machine { processors: processors.get(), demands };
    let text = machine_file::to_toml(&machine);
    match &arguments.out {
        None => print(&text)?,
        Some(file) => {
            let written = std::fs::write(file, text);
            written.map_err(|error| format!("--out {}: {error}", file.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// The processes to measure, this one with them.
    fn processes(&self) -> Result<Vec<NamedProcess>, String> {
        let mut needed = vec![POSTGRES, RABBITMQ, STORE];
        needed.extend(self.mail_to.is_some().then_some(MAIL));
        for name in needed {
            if !self.pid.iter().any(|process| process.name == name) {
                return Err(format!(
                    "expected --pid {name}=PID: what it takes is part of the figures"
                ));
            }
        }
        let own = NamedProcess { name: stopwatch::OWN.to_owned(), ..processes::own() };
        Ok(self.pid.iter().cloned().chain([own]).collect())
    }
}

/// A number of this run, for names that nobody else has.
fn run_number() -> u32 {
    std::process::id()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_expected() {
        let table = [
            ("", "--pid <NAME=PID>"),
            ("--pid postgres=1", "expected --pid rabbitmq=PID"),
            ("--pid postgres=1 --pid rabbitmq=2", "expected --pid store=PID"),
            ("--pid postgres=1 --pid rabbitmq=2 --pid store=3 --mail-to a@b", "--pid mail=PID"),
            ("--pid postgres", "NAME=PID"),
            ("--pid postgres=1 --rounds 5", "100..=1000000"),
        ];
        for (line, expected) in table {
            let words = std::iter::once("measure").chain(line.split_whitespace());
            let read = Line::try_parse_from(words).map_err(|error| error.to_string());
            let why = read.and_then(|line| line.arguments.processes()).err();
            let why = why.unwrap_or_else(|| panic!("{line}: expected a mistake"));
            assert!(why.contains(expected), "{line}: {why}");
        }
    }
}
