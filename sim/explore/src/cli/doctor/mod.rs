//! `cargo sim doctor`: are runs of these services deterministic, and if not, whose code is it?
//!
//! Each seed is run in two processes and once more in one of them, under watch. Where the traces part,
//! both processes run it again to look at the stack that makes that very event. And whatever a world's
//! thread asks of the machine past the world is told, with the code that asked.
//!
//! `examination` is what the processes do, `comparison` what is made of it, `code` finds the services'
//! lines on a stack, `account` tells.

mod account;
mod code;
mod comparison;
mod examination;
#[cfg(test)]
mod tests;

use std::process::Command;
use std::time::Instant;

use serde::Serialize;

use super::Verdict;
use super::arguments::Doctor;
use super::job_pool::Job;
use super::subject::Loaded;
use super::terminal;
use crate::{Options, System};
use comparison::{Diagnosis, StartOne};
use examination::Escaped;
pub use examination::examine;

/// How many storms are drawn, if nothing is asked for.
const STORMS: u64 = 3;

/// The object of `--json`.
#[derive(Debug, Serialize)]
struct Examinations {
    scenario: String,
    seeds: Vec<Diagnosis>,
    wall_seconds: f64,
}

/// Examines, and tells.
pub fn doctor(system: &impl System, asked: &Doctor, json: bool) -> Result<Verdict, String> {
    let loaded = Loaded::find(system, &asked.scenario, asked.profile)?;
    let program = std::env::current_exe()
        .map_err(|error| format!("cannot find this program to start processes of it: {error}"))?;
    let start = |number: usize| {
        let mut command = Command::new(&program);
        command.envs([("RUST_BACKTRACE", "0"), ("RUST_LIB_BACKTRACE", "0")]).arg("examine");
        elsewhere(&mut command, number);
        command
    };
    let subject = &loaded.subject;
    let seeds = match asked.seed {
        Some(seed) => vec![seed],
        None if subject.is_storm() => (1..=STORMS).collect(),
        None => vec![subject.own_seed()],
    };
    let examinations = Examinations::of(&loaded, &seeds, &start)?;
    match json {
        true => terminal::print_json(&examinations)?,
        false => terminal::print(&account::text(subject.name(), &examinations))?,
    }
    Ok(examinations.verdict())
}

/// The second process lives in another place.
fn elsewhere(command: &mut Command, number: usize) {
    if number > 0 {
        command.envs([("TZ", "Pacific/Auckland"), ("LANG", "de_DE.UTF-8")]);
    }
}

impl Examinations {
    fn of<S: System>(
        loaded: &Loaded<'_, S>,
        seeds: &[u64],
        start: StartOne<'_>,
    ) -> Result<Examinations, String> {
        let begun = Instant::now();
        let examined = seeds.iter().map(|seed| {
            let options = Options { trace: true, ..Options::default() };
            let job = Job::of(&loaded.document(*seed), options);
            Ok(Diagnosis { seed: *seed, ..comparison::examine(start, &job)? })
        });
        Ok(Examinations {
            scenario: loaded.subject.name().to_owned(),
            seeds: examined.collect::<Result<_, String>>()?,
            wall_seconds: begun.elapsed().as_secs_f64(),
        })
    }

    fn verdict(&self) -> Verdict {
        match self.seeds.iter().all(Diagnosis::is_healthy) {
            true => Verdict::Held,
            false => Verdict::Broken,
        }
    }

    /// The escapes of all seeds, each place once.
    fn escapes(&self) -> Vec<Escaped> {
        let mut all: Vec<Escaped> = Vec::new();
        for escaped in self.seeds.iter().flat_map(|diagnosis| &diagnosis.escapes) {
            match all.iter_mut().find(|known| known.is_same(escaped)) {
                Some(known) => known.times += escaped.times,
                None => all.push(escaped.clone()),
            }
        }
        all
    }
}
