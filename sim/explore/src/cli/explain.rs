//! `cargo sim explain`: what a broken run depends on.
//!
//! Chance is drawn anew from moment to moment, many times each: where the same breach becomes likely
//! is where it was decided. Then each fault is left out: one without which it never breaks is part
//! of the cause.

use std::time::{Duration, Instant};

use crate::smaller::{NAME, breaks};
use crate::{Document as _, DocumentOf, Options, Scenario as _, System, ZERO};
use serde::Serialize;
use stormproof_faults::outcome::Outcome;
use stormproof_world::Reseed;
use stormproof_world::history::{Event, Kind};

use super::Verdict;
use super::arguments::Explain;
use super::bugs::planted_bug;
use super::job_pool::{Job, Pool};
use super::shrink::{breach, target};
use super::subject::Loaded;
use super::terminal::{self, table};

/// How often it broke from a moment on.
#[derive(Debug, Serialize)]
struct Likelihood {
    /// Seconds of the storm.
    at: f64,
    /// What has just happened.
    after: String,
    broken: u64,
}

/// How often it broke without a fault.
#[derive(Debug, Serialize)]
struct Necessity {
    without: String,
    broken: u64,
}

/// The object of `--json`.
#[derive(Debug, Serialize)]
struct Causes {
    scenario: String,
    seed: u64,
    invariant: String,
    what: String,
    /// Of each row.
    runs: u64,
    likelihood: Vec<Likelihood>,
    necessity: Vec<Necessity>,
    seconds: f64,
}

/// Asks, and prints the tables.
pub fn explain<S: System>(system: &S, asked: &Explain, json: bool) -> Result<Verdict, String> {
    if let Some(verdict) = planted_bug::elsewhere(system, asked.variant.bug.as_deref())? {
        return Ok(verdict);
    }
    let loaded = Loaded::of(system, &asked.world.scenario, &asked.variant)?;
    let subject = &loaded.subject;
    let seed = asked.world.seed.unwrap_or_else(|| subject.own_seed());
    let pool = Pool::new(asked.jobs.count())?;
    let begun = Instant::now();
    let document = loaded.document(seed);
    let outcome =
        pool.run(&Job::of(&document, Options { story: false, trace: true, ..Options::default() }))?;
    let invariant = target(&loaded, seed, &outcome, asked.invariant.as_deref())?;
    let runs = asked.runs.get();
    let inquiry = Inquiry { system, pool: &pool, invariant: &invariant, runs };
    let breach = breach(&outcome, &invariant);
    let moments = moments(&outcome, breach.at, asked.moments.get())?;
    let causes = Causes {
        likelihood: inquiry.likelihood(&document, moments)?,
        necessity: inquiry.necessity(&document)?,
        scenario: subject.name().to_owned(),
        seed,
        what: breach.what.clone(),
        runs,
        seconds: begun.elapsed().as_secs_f64(),
        invariant,
    };
    match json {
        true => terminal::print_json(&causes)?,
        false => terminal::print(&text(&causes))?,
    }
    Ok(Verdict::Held)
}

/// A moment of the run: seconds of the storm, and what has just happened.
type Moment = (f64, String);

/// The beginning, then lines of the story until the breach: all of them, or some with about as many
/// left out between each two.
fn moments(outcome: &Outcome, breach_at: f64, most: usize) -> Result<Vec<Moment>, String> {
    let mut told = Vec::new();
    for line in &outcome.trace {
        let event: Event = serde_json::from_str(line)
            .map_err(|error| format!("the trace cannot be read: {error}"))?;
        let at = event.at - ZERO.as_secs_f64();
        if matches!(event.kind, Kind::Story | Kind::Fault) && (0.0..=breach_at).contains(&at) {
            let words = event.what.first().map_or("", String::as_str);
            told.push((at, format!("{:<11} {words}", event.node)));
        }
    }
    let chosen = (1..most).map(|number| number * told.len() / most.saturating_sub(1).max(1));
    let mut chosen: Vec<usize> = chosen.filter(|place| *place > 0).map(|place| place - 1).collect();
    chosen.dedup();
    let beginning = (0.0, "(the beginning)".to_owned());
    Ok(std::iter::once(beginning).chain(chosen.into_iter().map(|it| told[it].clone())).collect())
}

struct Inquiry<'a, S> {
    system: &'a S,
    pool: &'a Pool,
    invariant: &'a str,
    runs: u64,
}

impl<S: System> Inquiry<'_, S> {
    fn likelihood(
        &self,
        document: &DocumentOf<S>,
        moments: Vec<Moment>,
    ) -> Result<Vec<Likelihood>, String> {
        let jobs = moments.iter().flat_map(|(at, _)| self.jobs(document, *at)).collect();
        let broken = self.broken(jobs)?;
        let rows = moments.into_iter().zip(broken);
        Ok(rows.map(|((at, after), broken)| Likelihood { at, after, broken }).collect())
    }

    fn necessity(&self, document: &DocumentOf<S>) -> Result<Vec<Necessity>, String> {
        let mut names = Vec::new();
        let mut jobs = Vec::new();
        let scenario = self.system.check(NAME, document.clone());
        let scenario = scenario.map_err(|mistake| mistake.to_string())?;
        for place in 0..document.faults().len() {
            let mut others = document.faults().to_vec();
            others.remove(place);
            let fewer = document.with_faults(others);
            // What is left may make no sense without it.
            if self.system.check(NAME, fewer.clone()).is_ok() {
                names.push(scenario.asked_at(place));
                jobs.extend(self.jobs(&fewer, 0.0));
            }
        }
        let broken = self.broken(jobs)?;
        let rows = names.into_iter().zip(broken);
        Ok(rows.map(|(without, broken)| Necessity { without, broken }).collect())
    }

    /// As many as there are runs, each with another chance from `at` on.
    fn jobs(&self, document: &DocumentOf<S>, at: f64) -> impl Iterator<Item = Job> + use<S> {
        let job = Job::of(document, Options::default());
        let at = Duration::from_secs_f64(at.max(0.0));
        (1..=self.runs).map(move |seed| job.clone().reseeded(Reseed { at, seed }))
    }

    /// How many of each row's runs broke.
    fn broken(&self, jobs: Vec<Job>) -> Result<Vec<u64>, String> {
        let outcomes = self.pool.run_all(&jobs)?;
        let row = usize::try_from(self.runs).unwrap_or(usize::MAX);
        let count = |outcomes: &[Outcome]| {
            outcomes.iter().filter(|outcome| breaks(outcome, self.invariant)).count() as u64
        };
        Ok(outcomes.chunks(row).map(count).collect())
    }
}

fn text(causes: &Causes) -> String {
    let Causes { invariant, what, scenario, seed, runs, .. } = causes;
    let of = |broken: u64| format!("{broken} of {runs}");
    let likelihood: Vec<[String; 3]> = causes
        .likelihood
        .iter()
        .map(|row| [of(row.broken), format!("{:.3}", row.at), row.after.clone()])
        .collect();
    let necessity: Vec<[String; 2]> =
        causes.necessity.iter().map(|row| [of(row.broken), row.without.clone()]).collect();
    let mut text =
        format!("BROKEN  {invariant}\n        {what}\n        {scenario} · seed {seed}\n\n");
    text.push_str(&table("broken again, when chance is drawn anew after", &likelihood));
    if !necessity.is_empty() {
        let heading = "broken again from the beginning, without this fault";
        text.push_str(&format!("\n{}", table(heading, &necessity)));
    }
    text.push_str(&format!("\n{:.1} s\n", causes.seconds));
    text
}
