//! What the command is asked beside the load: where the shop is, and what is measured.

use std::collections::BTreeSet;

use stormproof_shop::load::arguments::LoadArguments;
use stormproof_shop::load::output::Output;

use super::processes::{self, NamedProcess};
use crate::admin_client::ShopAddress;

/// A load of a shop on real machines.
#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    pub reach: ShopAddress,
    #[command(flatten)]
    pub load: LoadArguments,
    /// What arrivals by chance are drawn from: the same seed is the same arrivals.
    #[arg(long, default_value_t = 1, requires = "pace")]
    pub seed: u64,
    /// Measures the processor and memory of a process and all its children, by Linux's /proc; may be
    /// given for each service, for postgres and rabbitmq.
    #[arg(long, value_name = "NAME=PID")]
    pub pid: Vec<NamedProcess>,
    /// Measures first what the database server brings by itself, for so long with 1, 8 and 32 clients
    /// each, in a database of its own that is dropped again.
    #[arg(long, value_name = "SECONDS", conflicts_with = "data",
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub reference: Option<u64>,
    #[command(flatten)]
    pub output: Output,
}

impl Arguments {
    /// The processes to measure; the load's own with them, if there are any.
    ///
    /// # Errors
    /// If two have one name.
    pub fn processes(&self) -> Result<Vec<NamedProcess>, String> {
        let mut names = BTreeSet::new();
        let own = (!self.pid.is_empty()).then(processes::own);
        let all: Vec<_> = self.pid.iter().cloned().chain(own).collect();
        match all.iter().find(|process| !names.insert(&process.name)) {
            Some(NamedProcess { name, .. }) => {
                Err(format!("--pid {name}=…: expected a name that no other process has"))
            }
            None => Ok(all),
        }
    }
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
            ("--seed 5", "required"),
            ("--reference 0", "1..=600"),
            ("--reference 5 --data here", "cannot be used with"),
            ("--pid store", "NAME=PID"),
            ("--pid load=1", "no other process"),
        ];
        for (line, expected) in table {
            let words = std::iter::once("load").chain(line.split_whitespace());
            let read = Line::try_parse_from(words).map_err(|error| error.to_string());
            let why = read.and_then(|line| line.arguments.processes()).err();
            let why = why.unwrap_or_else(|| panic!("{line}: expected a mistake"));
            assert!(why.contains(expected), "{line}: {why}");
        }
    }
}
