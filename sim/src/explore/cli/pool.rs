//! A pool of worker processes that run documents as they are told, for shrink and explain.
//!
//! Documents go in as TOML inside a JSON line, outcomes come out as lines; a worker lives as long as
//! it answers. One that dies or is silent for too long is an outcome of its document, too, and
//! another takes its place. What a pool answers depends on the order of the jobs alone, not on
//! how many workers there are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::explore::shrink::Trial;
use crate::explore::smaller::{NAME, breaks};
use crate::explore::{Document, Options, System};
use crate::outcome::{Broken, Outcome};
use crate::world::Reseed;
use serde::{Deserialize, Serialize};

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
    /// A place for each; empty until it has something to do.
    workers: Vec<Mutex<Option<Worker>>>,
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
        let workers = (0..jobs.max(1)).map(|_| Mutex::new(None)).collect();
        Pool { program: program.to_owned(), workers }
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
        let (next, end) = (AtomicUsize::new(0), AtomicUsize::new(count));
        let work = |worker: &Mutex<Option<Worker>>| {
            let mut worker = lock(worker);
            loop {
                let place = next.fetch_add(1, Ordering::SeqCst);
                if place >= end.load(Ordering::SeqCst) {
                    return Ok(());
                }
                let outcome = match self.attempt(&mut worker, &job(place)) {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        end.store(0, Ordering::SeqCst);
                        return Err(error);
                    }
                };
                if done(place, outcome) {
                    end.fetch_min(place, Ordering::SeqCst);
                }
            }
        };
        thread::scope(|scope| {
            let workers = self.workers.iter().take(count);
            let workers: Vec<_> = workers.map(|worker| scope.spawn(|| work(worker))).collect();
            let ended = workers.into_iter().map(|worker| match worker.join() {
                Ok(ended) => ended,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            ended.collect()
        })
    }

    /// One job by one worker, who is started if there is none.
    fn attempt(&self, worker: &mut Option<Worker>, job: &Job) -> Result<Outcome, String> {
        let process = match worker {
            Some(process) => process,
            None => {
                let mut command = Command::new(&self.program);
                command.env("RUST_BACKTRACE", "0").arg("jobs");
                worker.insert(Worker::start_listening(command)?)
            }
        };
        process.tell(&serde_json::to_string(job).expect("a job is plain data"));
        Ok(match process.finding_within(job.seed, PATIENCE) {
            Finding::Ended(outcome) => *outcome,
            Finding::Died(how) => {
                *worker = None;
                died(job.seed, how)
            }
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
