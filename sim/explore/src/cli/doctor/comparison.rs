//! One seed under examination: runs of it in two processes, where they part, and whose code was at
//! work there.

use std::process::Command;

use serde::Serialize;
use stormproof_faults::outcome::Outcome;

use super::code::Culprit;
use super::examination::{Death, Escaped, Examination, Examined, read};
use crate::cli::check::{first_difference, rest};
use crate::cli::job_pool::Job;
use crate::cli::process::Worker;

/// How the two processes are started, by their numbers: 0 and 1.
pub type StartOne<'a> = &'a dyn Fn(usize) -> Command;

/// What was found out about a seed.
#[derive(Debug, Default, Serialize)]
pub struct Diagnosis {
    pub seed: u64,
    pub runs: u64,
    /// Of one run, if one came to its end.
    pub events: u64,
    pub difference: Option<Parting>,
    /// The first of those that died.
    pub death: Option<Death>,
    pub died: u64,
    pub escapes: Vec<Escaped>,
    /// Of how many more it is not known where they come from.
    pub more_escapes: u64,
    /// Why escapes could not be seen.
    pub blind: Option<String>,
    pub threads: Vec<String>,
    pub drivers: Vec<String>,
}

/// Where two runs of the same seed part.
#[derive(Debug, Serialize)]
pub struct Parting {
    /// Whether two processes are needed to see it: two runs in one process part, else.
    pub between_processes: bool,
    /// Of a difference between processes: whether one that runs it again repeats itself.
    pub repeats: Option<bool>,
    /// The number of the event, from 1; none, if all events are the same and what follows from them
    /// is not.
    pub event: Option<u64>,
    /// The event in the one run and in the other; not both, where one had ended.
    pub versions: [String; 2],
    /// Whose code made it there, as far as it could be seen.
    pub culprits: [Culprit; 2],
    /// The last event before it behind which the services' code was seen, if none is behind it itself.
    pub before: Option<(u64, Culprit)>,
}

/// How often two runs are made for an event whose code is wanted: runs that differ may part elsewhere
/// each time.
const ATTEMPTS: usize = 5;

/// Examines a document under its seed.
///
/// # Errors
/// If processes cannot be started.
pub fn examine(start: StartOne<'_>, job: &Job) -> Result<Diagnosis, String> {
    let mut inquiry = Inquiry { start, job, diagnosis: Diagnosis::default() };
    inquiry.ask()?;
    Ok(inquiry.diagnosis)
}

struct Inquiry<'a> {
    start: StartOne<'a>,
    job: &'a Job,
    diagnosis: Diagnosis,
}

/// What parts two outcomes: the line of the trace, if it is one, and both versions.
type Parted = (Option<u64>, [String; 2]);

impl Inquiry<'_> {
    fn ask(&mut self) -> Result<(), String> {
        let mut both = self.start_both()?;
        let [Some(one), Some(other)] = self.both(&mut both, None) else { return Ok(()) };
        self.diagnosis.events = one.outcome.events;
        if let Some(parted) = part(&one.outcome, &other.outcome) {
            self.diagnosis.difference = Some(self.between_processes(both, &one, parted)?);
            return Ok(());
        }
        let Some(again) = self.one(&mut both[0], None) else { return Ok(()) };
        if let Some(parted) = part(&one.outcome, &again.outcome) {
            self.diagnosis.difference = Some(self.between_runs(parted)?);
        }
        Ok(())
    }

    /// The same processes run it again, under watch: whatever a process has of its own, they still have.
    fn between_processes(
        &mut self,
        mut both: [Worker; 2],
        first: &Ran,
        mut parted: Parted,
    ) -> Result<Parting, String> {
        let mut repeats = None;
        for _ in 0..ATTEMPTS {
            let [Some(one), Some(other)] = self.both(&mut both, parted.0) else { break };
            if repeats.is_none() {
                repeats = Some(part(&first.outcome, &one.outcome).is_none());
            }
            match part(&one.outcome, &other.outcome) {
                Some(again) if again.0 == parted.0 => {
                    return Ok(Parting { repeats, ..parting(true, again, [&one, &other]) });
                }
                Some(elsewhere) => parted = elsewhere,
                None => both = self.start_both()?,
            }
        }
        Ok(Parting { repeats, ..unseen(true, parted) })
    }

    /// A new process runs it twice, both times under watch.
    fn between_runs(&mut self, mut parted: Parted) -> Result<Parting, String> {
        for _ in 0..ATTEMPTS {
            let mut process = self.start(0)?;
            let Some(one) = self.one(&mut process, parted.0) else { break };
            let Some(other) = self.one(&mut process, parted.0) else { break };
            match part(&one.outcome, &other.outcome) {
                Some(again) if again.0 == parted.0 => {
                    return Ok(parting(false, again, [&one, &other]));
                }
                Some(elsewhere) => parted = elsewhere,
                None => {}
            }
        }
        Ok(unseen(false, parted))
    }

    fn start(&self, number: usize) -> Result<Worker, String> {
        Worker::start_listening((self.start)(number))
    }

    fn start_both(&self) -> Result<[Worker; 2], String> {
        Ok([self.start(0)?, self.start(1)?])
    }

    /// One run in each process, side by side.
    fn both(&mut self, both: &mut [Worker; 2], event: Option<u64>) -> [Option<Ran>; 2] {
        let asked = Examination { job: self.job.clone(), event };
        let asked = serde_json::to_string(&asked).expect("it is plain data");
        for process in &mut *both {
            process.tell(&asked);
        }
        both.each_mut().map(|process| self.hear(process))
    }

    fn one(&mut self, process: &mut Worker, event: Option<u64>) -> Option<Ran> {
        let asked = Examination { job: self.job.clone(), event };
        process.tell(&serde_json::to_string(&asked).expect("it is plain data"));
        self.hear(process)
    }

    /// What came of a run; none, if it died, which is noted.
    fn hear(&mut self, process: &mut Worker) -> Option<Ran> {
        let examined = process.answer(read).unwrap_or_else(|how| Examined {
            death: Some(Death { how, ..Death::default() }),
            ..Examined::default()
        });
        self.diagnosis.runs += 1;
        self.diagnosis.note(&examined);
        let Examined { outcome, events, .. } = examined;
        outcome.map(|outcome| Ran { outcome: *outcome, events: events.into_iter().collect() })
    }
}

/// A run that came to its end.
struct Ran {
    outcome: Outcome,
    /// The code behind some of its events, in their order.
    events: Vec<(u64, Culprit)>,
}

impl Diagnosis {
    /// Whether runs are the same, nothing escapes, and none died.
    pub fn is_healthy(&self) -> bool {
        self.difference.is_none()
            && self.death.is_none()
            && self.escapes.is_empty()
            && self.threads.is_empty()
    }

    fn note(&mut self, examined: &Examined) {
        for escaped in &examined.escapes {
            match self.escapes.iter_mut().find(|known| known.is_same(escaped)) {
                Some(known) => known.times = known.times.max(escaped.times),
                None => self.escapes.push(escaped.clone()),
            }
        }
        self.more_escapes = self.more_escapes.max(examined.more_escapes);
        self.died += u64::from(examined.death.is_some());
        if self.death.is_none() {
            self.death.clone_from(&examined.death);
        }
        if self.blind.is_none() {
            self.blind.clone_from(&examined.blind);
        }
        if self.threads.is_empty() {
            self.threads.clone_from(&examined.threads);
        }
        if self.drivers.is_empty() {
            self.drivers.clone_from(&examined.drivers);
        }
    }
}

fn part(one: &Outcome, other: &Outcome) -> Option<Parted> {
    let versions = |one: &str, other: &str| [one.to_owned(), other.to_owned()];
    if let Some((line, one, other)) = first_difference(&one.trace, &other.trace) {
        return Some((Some(line as u64), versions(one, other)));
    }
    let (one, other) = (rest(one), rest(other));
    first_difference(&one, &other).map(|(_, one, other)| (None, versions(one, other)))
}

/// A parting that nobody's code was seen behind.
fn unseen(between_processes: bool, (event, versions): Parted) -> Parting {
    let culprits = [Culprit::default(), Culprit::default()];
    Parting { between_processes, repeats: None, event, versions, culprits, before: None }
}

fn parting(between_processes: bool, parted: Parted, runs: [&Ran; 2]) -> Parting {
    let event = parted.0.unwrap_or(0);
    let culprits = runs.map(|run| {
        let found = run.events.iter().find(|(number, _)| *number == event);
        found.map(|(_, culprit)| culprit.clone()).unwrap_or_default()
    });
    let before = runs[0].events.iter().rev();
    let mut before = before.filter(|(number, culprit)| *number < event && !culprit.own.is_empty());
    let before = match culprits.iter().all(|culprit| culprit.own.is_empty()) {
        true => before.next().cloned(),
        false => None,
    };
    Parting { culprits, before, ..unseen(between_processes, parted) }
}
