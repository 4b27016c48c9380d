//! The child process of explore, check and bench: runs seeds one after another, one outcome a line
//! on standard output.
//!
//! SQLite's random numbers are shared by a process, so it runs one world at a time; its parent
//! starts as many as there are cores. If a world panics the process dies of it, and the parent
//! knows from the lines so far which seed it was on.

use std::io::{self, Write};

use stormproof_sim::shop::Options;

use super::Verdict;
use super::arguments::Worker;
use super::subject::Subject;

/// Runs the seeds asked for.
pub fn work(asked: &Worker) -> Result<Verdict, String> {
    let subject = Subject::find(&asked.scenario, asked.profile)?;
    let options = Options { story: asked.story, trace: asked.trace };
    for seed in asked.from..asked.from.saturating_add(asked.count) {
        for _ in 0..asked.repeat {
            let outcome = subject.simulate(seed, options);
            let mut line = serde_json::to_string(&outcome)
                .map_err(|error| format!("seed {seed}: the outcome is no JSON: {error}"))?;
            line.push('\n');
            let mut output = io::stdout().lock();
            if output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_err() {
                // The parent has gone, or has heard enough.
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

/// The most memory that this process ever held, in KiB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
