//! The child process of the other commands: runs seeds one after another, or documents as it is told,
//! one outcome a line on standard output.
//!
//! SQLite's random numbers are shared by a process, so it runs one world at a time; its parent
//! starts as many as there are cores. If a world panics the process dies of it, and the parent
//! knows from the lines so far which seed it was on.

use std::io::{self, BufRead, Write};

use crate::{Options, System};
use stormproof_faults::outcome::Outcome;

use super::Verdict;
use super::arguments::Worker;
use super::job_pool::Job;
use super::subject::Loaded;

/// Runs the seeds asked for.
pub fn work(system: &impl System, asked: &Worker) -> Result<Verdict, String> {
    let loaded = match asked.fair {
        Some(pieces) => Loaded::fair_weather(system, pieces)?,
        None => Loaded::find(system, &asked.scenario, asked.profile)?,
    };
    let Worker { story, trace, serial, .. } = *asked;
    let options = Options { story, trace, serial, ..Options::default() };
    for seed in asked.from..asked.from.saturating_add(asked.count) {
        for _ in 0..asked.repeat {
            if !tell(&loaded.simulate(seed, options))? {
                return Ok(Verdict::Held);
            }
        }
    }
    if asked.memory {
        let peak = peak_memory().ok_or("/proc/self/status names no VmHWM here")?;
        writeln!(io::stderr(), "{peak}").ok();
    }
    Ok(Verdict::Held)
}

/// Runs jobs from standard input until there are no more.
pub fn run_jobs(system: &impl System) -> Result<Verdict, String> {
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("cannot read the next job: {error}"))?;
        let job: Job = serde_json::from_str(&line)
            .map_err(|error| format!("this is no job ({error}): {line}"))?;
        if !tell(&job.run(system)?)? {
            break;
        }
    }
    Ok(Verdict::Held)
}

/// False: the parent has gone, or has heard enough.
fn tell(outcome: &Outcome) -> Result<bool, String> {
    let mut line = serde_json::to_string(outcome)
        .map_err(|error| format!("seed {}: the outcome is no JSON: {error}", outcome.seed))?;
    line.push('\n');
    let mut output = io::stdout().lock();
    Ok(output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_ok())
}

/// The most memory that this process ever held, in KiB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
