//! A pool of worker processes that run documents as they are told, for shrink, explain
//! and sweep.
//!
//! Documents go in as TOML inside a JSON line, outcomes come out as lines; a worker lives as long as
//! it answers. One that dies or is silent for too long is an outcome of its document, too, and
//! another takes its place. What a pool answers depends on the order of the jobs alone, not on
//! how many workers there are.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::shrink::Trial;
use crate::smaller::{NAME, breaks};
use crate::{Document, Options, System};
use serde::{Deserialize, Serialize};
use stormproof_faults::outcome::{Broken, Outcome};
use stormproof_world::Reseed;

use super::pool::spread;
use super::process::Worker;
use super::subject::Finding;
use super::tally::COMPLETED;

/// Unoptimized worlds on a busy machine take a second or two; what takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A document to be run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// With the seed in it.
    toml: String,
    seed: u64,
    options: Options,
}

/// Worker processes that wait for jobs.
pub struct Pool {
    program: PathBuf,
    /// The command that its workers are.
    command: &'static str,
    jobs: usize,
    /// The most memory that one of them may ask for.
    memory_kib: Option<u64>,
    /// Those that have nothing to do at the moment.
    idle: Mutex<Vec<Worker>>,
}

impl Job {
    /// Runs a document under its own seed.
    pub fn of(document: &impl Document, options: Options) -> Job {
        Job { toml: document.to_toml(), seed: document.seed(), options }
    }

    /// The same, with chance drawn anew from a time of the storm on.
    pub fn reseeded(mut self, reseed: Reseed) -> Job {
        self.options.reseed = Some(reseed);
        self
    }

    /// Runs it in this process.
    ///
    /// # Errors
    /// If the document is none.
    pub fn run(&self, system: &impl System) -> Result<Outcome, String> {
        let scenario = system.parse(&format!("{NAME}.toml"), &self.toml);
        let scenario = scenario.map_err(|mistake| mistake.to_string())?;
        Ok(system.simulate(&scenario, self.seed, self.options))
    }
}

impl Pool {
    /// A pool of this very program.
    ///
    /// # Errors
    /// If this program does not know its own file.
    pub fn new(jobs: usize) -> Result<Pool, String> {
        let program = std::env::current_exe()
            .map_err(|error| format!("cannot find this program to start workers of it: {error}"))?;
        Ok(Pool::of(&program, jobs))
    }

    /// A pool of another build of it.
    pub fn of(program: &Path, jobs: usize) -> Pool {
        let program = program.to_owned();
        let (jobs, idle) = (jobs.max(1), Mutex::default());
        Pool { program, command: "jobs", jobs, memory_kib: None, idle }
    }

    /// The same program's workers, that carry out another command's orders.
    pub fn carrying_out(self, command: &'static str) -> Pool {
        Pool { command, ..self }
    }

    /// The same program's workers, each of which is stopped when it has asked for so much memory.
    pub fn limited(self, kib: u64) -> Pool {
        Pool { memory_kib: Some(kib), ..self }
    }

    /// How many workers work side by side.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// A worker that is idle, or a new one.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn worker(&self) -> Result<Worker, String> {
        let idle = lock(&self.idle).pop();
        if let Some(worker) = idle {
            return Ok(worker);
        }
        let mut command = match self.memory_kib {
            None => Command::new(&self.program),
            Some(kib) => {
                let mut shell = Command::new("sh");
                let limited = format!("ulimit -v {kib} && exec \"$0\" \"$@\"");
                shell.args(["-c", &limited]).arg(&self.program);
                shell
            }
        };
        command.env("RUST_BACKTRACE", "0").arg(self.command);
        Worker::start_listening(command)
    }

    /// It has answered, and is idle again.
    pub fn give_back(&self, worker: Worker) {
        lock(&self.idle).push(worker);
    }

    /// Runs one job.
    ///
    /// # Errors
    /// If a worker cannot be started.
    pub fn run(&self, job: &Job) -> Result<Outcome, String> {
        let mut outcomes = self.run_all(std::slice::from_ref(job))?;
        Ok(outcomes.remove(0))
    }

    /// Runs all jobs; the outcomes are in their order.
    ///
    /// # Errors
    /// If workers cannot be started.
    pub fn run_all(&self, jobs: &[Job]) -> Result<Vec<Outcome>, String> {
        let outcomes: Vec<Mutex<Option<Outcome>>> = jobs.iter().map(|_| Mutex::default()).collect();
        self.drive(
            jobs.len(),
            |place| jobs[place].clone(),
            |place, outcome| {
                *lock(&outcomes[place]) = Some(outcome);
                false
            },
        )?;
        let outcomes = outcomes
            .into_iter()
            .map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok(outcomes.map(|outcome| outcome.expect("nothing stopped the pool")).collect())
    }

    /// Runs jobs in their order until `done` says so of one: then those before it are still run,
    /// and those behind it are not begun.
    fn drive(
        &self,
        count: usize,
        job: impl Fn(usize) -> Job + Sync,
        done: impl Fn(usize, Outcome) -> bool + Sync,
    ) -> Result<(), String> {
        let drive = |places: Range<u64>, _: &Sender<()>| {
            for place in places {
                let place = usize::try_from(place).expect("it is a place of a list");
                if done(place, self.attempt(&job(place))?) {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        };
        spread(0..count as u64, 1, self.jobs.min(count), drive, |()| ())
    }

    /// One job by one worker, who is started if nobody is idle.
    fn attempt(&self, job: &Job) -> Result<Outcome, String> {
        let mut worker = self.worker()?;
        worker.tell(&serde_json::to_string(job).expect("a job is plain data"));
        Ok(match worker.finding_within(job.seed, PATIENCE) {
            Finding::Ended(outcome) => {
                self.give_back(worker);
                *outcome
            }
            Finding::Died(how) => died(job.seed, how),
        })
    }
}

/// A run that did not come to its end has broken a rule of the simulator's own.
fn died(seed: u64, how: String) -> Outcome {
    let broken = Broken { invariant: COMPLETED.to_owned(), what: how, ..Broken::default() };
    Outcome { seed, broken: vec![broken], ..Outcome::default() }
}

/// Tries candidates of a search for what breaks one invariant.
pub struct Candidates<'a> {
    pub pool: &'a Pool,
    pub invariant: &'a str,
}

impl<D: Document> Trial<D> for Candidates<'_> {
    type Evidence = Outcome;

    fn first(&mut self, candidates: &[D]) -> Result<Option<(usize, Outcome)>, String> {
        let first: Mutex<Option<(usize, Outcome)>> = Mutex::default();
        let job = |place: usize| Job::of(&candidates[place], Options::default());
        self.pool.drive(candidates.len(), job, |place, outcome| {
            if !breaks(&outcome, self.invariant) {
                return false;
            }
            let first = &mut *lock(&first);
            if first.as_ref().is_none_or(|(earlier, _)| place < *earlier) {
                *first = Some((place, outcome));
            }
            true
        })?;
        Ok(first.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
