//! Many seeds in worker processes: chunk by chunk, each chunk in processes of its own. What a chunk
//! finds arrives in no particular order: `tally` puts it right.

use std::ops::{ControlFlow, Range};
use std::sync::mpsc::Sender;
use std::time::Instant;

use super::pool::spread;
use super::process::{Heard, PATIENCE, Start, Worker, death};
use super::subject::Finding;

/// Runs one seed in a process of its own.
///
/// # Errors
/// If the process cannot be started.
pub fn alone(start: Start<'_>, seed: u64) -> Result<Finding, String> {
    let mut worker = Worker::start(start(seed..seed.saturating_add(1)))?;
    Ok(worker.finding(seed))
}

/// Runs all seeds, each once; what is found is given to `each` as it comes in. A worker that dies
/// is a finding about the seed it was on, and another one goes on after it. Stops at `deadline`
/// with the seeds that have ended by then.
///
/// # Errors
/// If worker processes cannot be started.
pub fn explore(
    start: Start<'_>,
    seeds: Range<u64>,
    jobs: usize,
    deadline: Option<Instant>,
    each: impl FnMut((u64, Finding)),
) -> Result<(), String> {
    // Several chunks for each job, or a slow one at the end keeps the other cores waiting.
    let chunk = (seeds.end - seeds.start) / (jobs as u64 * 4);
    let drive = |chunk, found: &Sender<_>| drive(start, chunk, deadline, found);
    spread(seeds, chunk, jobs, drive, each)
}

/// Runs a chunk; breaks off when time is up.
fn drive(
    start: Start<'_>,
    chunk: Range<u64>,
    deadline: Option<Instant>,
    found: &Sender<(u64, Finding)>,
) -> Result<ControlFlow<()>, String> {
    let mut rest = chunk;
    while !rest.is_empty() {
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(ControlFlow::Break(()));
        }
        let mut worker = Worker::start(start(rest.clone()))?;
        while !rest.is_empty() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let heard = worker.hear(left.unwrap_or(PATIENCE).min(PATIENCE));
            let finding = match heard {
                Heard::Outcome(outcome) if outcome.seed == rest.start => Finding::Ended(outcome),
                Heard::Nothing if left.is_some_and(|left| left <= PATIENCE) => {
                    return Ok(ControlFlow::Break(()));
                }
                heard => Finding::Died(death(heard)),
            };
            let died = matches!(finding, Finding::Died(_));
            if found.send((rest.start, finding)).is_err() {
                return Ok(ControlFlow::Break(()));
            }
            rest.start += 1;
            if died {
                break;
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::explore::cli::testing::outcome;

    /// A worker of a few shell lines, that can fail in every way that processes fail.
    fn shell(script: impl Fn(u64) -> String + Sync) -> impl Fn(Range<u64>) -> Command + Sync {
        move |seeds| {
            let mut command = Command::new("sh");
            let script: Vec<String> = seeds.map(&script).collect();
            command.args(["-c", &script.join("\n")]);
            command
        }
    }

    fn say(seed: u64) -> String {
        let line = serde_json::to_string(&outcome(seed)).expect("plain data");
        format!("echo '{line}'")
    }

    fn found(
        start: Start<'_>,
        seeds: Range<u64>,
        deadline: Option<Instant>,
    ) -> Vec<(u64, Finding)> {
        let mut found = Vec::new();
        explore(start, seeds, 3, deadline, |finding| found.push(finding)).expect("sh starts");
        found.sort_by_key(|(seed, _)| *seed);
        found
    }

    #[test]
    fn every_seed_is_run_once() {
        let found = found(&shell(say), 5..105, None);
        assert_eq!(found.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), Vec::from_iter(5..105));
        for (seed, finding) in found {
            assert_eq!(finding, Finding::Ended(Box::new(outcome(seed))));
        }
    }

    #[test]
    fn a_worker_that_dies_is_a_finding_and_the_others_go_on() {
        let start = shell(|seed| match seed {
            11 => "echo 'panicked at world.rs' >&2; exit 101".to_owned(),
            17 => "kill -9 $$".to_owned(),
            23 => "exit 0".to_owned(),
            29 => "echo nonsense".to_owned(),
            _ => say(seed),
        });
        let deaths: Vec<(u64, String)> = found(&start, 1..40, None)
            .into_iter()
            .filter_map(|(seed, finding)| match finding {
                Finding::Died(how) => Some((seed, how)),
                Finding::Ended(_) => None,
            })
            .collect();
        let expected = ["panicked at world.rs", "signal: 9", "exit status: 0", "nonsense"];
        assert_eq!(deaths.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [11, 17, 23, 29]);
        for ((_, how), expected) in deaths.iter().zip(expected) {
            assert!(how.contains(expected), "{how} does not tell of {expected}");
        }
    }

    #[test]
    fn time_is_up_even_for_a_worker_that_hangs() {
        let start = shell(|seed| if seed == 2 { "sleep 60".to_owned() } else { say(seed) });
        let begun = Instant::now();
        let found = found(&start, 1..u64::MAX, Some(begun + Duration::from_millis(400)));
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(found.iter().any(|(seed, _)| *seed == 1));
        assert!(found.iter().all(|(_, finding)| matches!(finding, Finding::Ended(_))));
    }

    #[test]
    fn what_cannot_be_started_is_said() {
        let start = |_: Range<u64>| Command::new("/no/such/program");
        let error = explore(&start, 1..9, 2, None, |_| ()).expect_err("nothing there");
        assert!(error.contains("cannot start a worker"), "{error}");
    }
}
