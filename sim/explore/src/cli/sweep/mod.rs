//! `cargo sim sweep`: a scenario with every fault at every moment, one at a time, then in pairs.
//!
//! The first run, without a fault of ours, says which moments there are. Each run with one fault
//! says which moments there are after it, and those are where a second one can be aimed: so every
//! pair is tried, and none that cannot be. `coverage` is the map of what was tried, `journal` what a
//! sweep that was broken off goes on from, `report` what is told in the end.

mod coverage;
mod journal;
mod report;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::sweep::{self as places, Placement};
use crate::{Document as _, DocumentOf, Options, OwnOf, Profile, Scenario as _, System};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stormproof_faults::moment::Passage;
use stormproof_faults::outcome::{self, Outcome};
use stormproof_faults::table::rows;

use super::Verdict;
use super::arguments::Sweep;
use super::job_pool::{Job, Pool};
use super::progress::Progress;
use super::subject::{self, Finding, Loaded, Subject};
use super::tally::Tally;
use super::terminal;
use super::{process, seeds};
use coverage::{ByStorms, Coverage};
use journal::Journal;
use report::{Report, broken};

/// Where scenarios that broke and the journal are written, from the workspace's folder on.
const FOLDER: &str = "target/sim/sweep";

/// Runs between two looks at the progress.
const CHUNK: usize = 64;

/// What is swept, and by whom.
struct Sweeper<'a, S: System> {
    system: &'a S,
    pool: &'a Pool,
    document: DocumentOf<S>,
    asked: &'a Sweep,
    progress: Progress,
}

/// What runs have come to. A journal keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Count {
    figures: Figures,
    failures: Vec<Failure>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Figures {
    #[serde(rename = "seeds")]
    runs: u64,
    /// Not run: the same faults as those of another run.
    same: u64,
    /// Runs in which a fault did not fire.
    unfired: u64,
    #[serde(flatten)]
    system: outcome::Figures,
    virtual_seconds: f64,
    events: u64,
    faults_fired: BTreeMap<String, u64>,
    sometimes: BTreeMap<String, u64>,
    /// A hash over the fingerprints of all runs, in their order.
    fingerprint: String,
}

/// A run that broke.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Failure {
    invariant: String,
    what: String,
    /// Which faults there were, in words.
    faults: Vec<String>,
    toml: String,
}

/// Sweeps, and says what broke and what was not covered.
pub fn sweep<S: System>(system: &S, asked: &Sweep, json: bool) -> Result<Verdict, String> {
    let loaded = Loaded::find(system, &asked.world.scenario, Profile::default())?;
    let subject = &loaded.subject;
    let keys: Vec<_> = rows::<OwnOf<S>>().into_iter().map(|row| row.key).collect();
    for kind in &asked.kinds {
        if !keys.contains(&kind.as_str()) {
            return Err(format!("--kind {kind}: expected one of {}", keys.join(", ")));
        }
    }
    let seed = asked.world.seed.unwrap_or_else(|| subject.own_seed());
    let pool = Pool::new(asked.jobs.count())?;
    let begun = Instant::now();
    let document = loaded.document(seed);
    let options = Options { passages: true, ..Options::default() };
    let base = pool.run(&Job::of(&document, options))?;
    if let Some(broken) = base.broken.first() {
        return Err(format!(
            "{} · seed {seed} breaks {:?} by itself ({}): expected a scenario that holds",
            subject.name(),
            broken.invariant,
            broken.what
        ));
    }
    let progress = Progress::new(u64::MAX, &system.about().units());
    let mut sweeper = Sweeper { system, pool: &pool, document, asked, progress };
    let (mut counted, coverage) = sweeper.singles(&base.passages)?;
    if asked.faults.get() == 2 {
        sweeper.pairs(subject, &base.passages, &mut counted)?;
    }
    sweeper.progress.finish();
    let by_storms = by_storms(system, asked, &coverage)?;
    let report = Report {
        scenario: subject.name().to_owned(),
        seed,
        moments: base.passages.len(),
        faults: asked.faults.get(),
        broken: broken(subject, &counted)?,
        figures: counted.figures,
        coverage,
        by_storms,
        wall_seconds: begun.elapsed().as_secs_f64(),
    };
    match json {
        true => terminal::print_json(&report)?,
        false => terminal::print(&report.text())?,
    }
    let held = report.broken.is_empty() && report.coverage.gaps().is_empty();
    Ok(if held { Verdict::Held } else { Verdict::Broken })
}

/// What random exploration does at the same moments.
fn by_storms(system: &impl System, asked: &Sweep, coverage: &Coverage) -> Result<ByStorms, String> {
    let storms = Subject::storm(system.about(), Profile::default());
    let start = process::worker_of(&storms, Options::default())?;
    let mut tally = Tally::new(1);
    let count = |(seed, finding)| tally.add(seed, finding);
    seeds::explore(&start, 1..asked.storms.saturating_add(1), asked.jobs.count(), None, count)?;
    tally.finish();
    Ok(coverage.by_storms(tally.seeds, &tally.struck))
}

impl<S: System> Sweeper<'_, S> {
    /// Every fault by itself.
    fn singles(&mut self, passages: &[Passage]) -> Result<(Count, Coverage), String> {
        let placements = self.chosen(passages, 0);
        let mut coverage = Coverage::default();
        let counted = self.run(&self.document.clone(), &placements, |placement, outcome| {
            coverage.tried(passages, placement, has_fired(outcome));
        })?;
        for placement in placements.iter().filter(|placement| placement.same_as.is_some()) {
            coverage.same(passages, placement);
        }
        Ok((counted, coverage))
    }

    /// Every fault with every other that comes after it.
    fn pairs(
        &mut self,
        subject: &Subject,
        passages: &[Passage],
        counted: &mut Count,
    ) -> Result<(), String> {
        let commit = subject::commit(self.system.about());
        let key = (self.document.to_toml(), &self.asked.kinds, commit);
        let mut journal = Journal::open(subject, &key, self.asked.resume)?;
        for (place, first) in self.chosen(passages, 0).iter().enumerate() {
            if first.same_as.is_some() {
                continue;
            }
            let of_first = match journal.of(place) {
                Some(known) => known,
                None => {
                    let of_first = self.seconds(first)?;
                    journal.note(place, &of_first)?;
                    of_first
                }
            };
            counted.add(of_first);
        }
        Ok(())
    }

    /// One fault with every other that comes after it.
    fn seconds(&mut self, first: &Placement<OwnOf<S>>) -> Result<Count, String> {
        let document = places::with(&self.document, first);
        let options = Options { passages: true, ..Options::default() };
        let outcome = self.pool.run(&Job::of(&document, options))?;
        if !has_fired(&outcome) || !outcome.broken.is_empty() {
            return Ok(Count::default());
        }
        // Up to its moment the run is the first one's. A fault that is told a moment strikes there,
        // one that is told a time began before it.
        let after = first.passage + usize::from(first.is_at_moment());
        let seconds = self.chosen(&outcome.passages, after);
        self.run(&document, &seconds, |_, _| ())
    }

    fn chosen(&self, passages: &[Passage], from: usize) -> Vec<Placement<OwnOf<S>>> {
        let mut placements = places::placements(self.system.topology(), passages, from);
        if !self.asked.kinds.is_empty() {
            // What is the same fault as another is of the same kind, so that both stay or go; but
            // places move.
            let mut places = Vec::new();
            let mut kept = 0;
            for placement in &placements {
                places.push(kept);
                kept += usize::from(self.is_asked_for(placement));
            }
            placements.retain(|placement| self.is_asked_for(placement));
            for placement in &mut placements {
                if let Some(place) = placement.same_as {
                    placement.same_as = Some(places[place]);
                }
            }
        }
        placements
    }

    fn is_asked_for(&self, placement: &Placement<OwnOf<S>>) -> bool {
        self.asked.kinds.iter().any(|kind| *kind == placement.kind)
    }

    /// Runs `document` with each of the faults that is not the same as another.
    fn run(
        &mut self,
        document: &DocumentOf<S>,
        placements: &[Placement<OwnOf<S>>],
        mut each: impl FnMut(&Placement<OwnOf<S>>, &Outcome),
    ) -> Result<Count, String> {
        let mut counted = Count::default();
        let (to_run, same): (Vec<_>, Vec<_>) =
            placements.iter().partition(|placement| placement.same_as.is_none());
        counted.figures.same = same.len() as u64;
        for chunk in to_run.chunks(CHUNK) {
            let documents: Vec<_> =
                chunk.iter().map(|placement| places::with(document, placement)).collect();
            let jobs: Vec<_> = documents.iter().map(|it| Job::of(it, Options::default())).collect();
            for ((placement, document), outcome) in
                chunk.iter().zip(&documents).zip(self.pool.run_all(&jobs)?)
            {
                each(placement, &outcome);
                counted.take(self.system, document, &outcome);
                self.progress.add(&Finding::Ended(Box::new(outcome)));
            }
        }
        Ok(counted)
    }
}

fn has_fired(outcome: &Outcome) -> bool {
    outcome.unfired.is_empty()
}

impl Count {
    fn take<S: System>(&mut self, system: &S, document: &DocumentOf<S>, outcome: &Outcome) {
        self.figures.add(Figures {
            runs: 1,
            same: 0,
            unfired: u64::from(!has_fired(outcome)),
            system: outcome.figures.clone(),
            virtual_seconds: outcome.virtual_seconds,
            events: outcome.events,
            faults_fired: outcome.faults_fired.clone(),
            sometimes: outcome.sometimes.clone(),
            fingerprint: outcome.fingerprint.clone(),
        });
        let Some(broken) = outcome.broken.first() else { return };
        let scenario = system.check("swept", document.clone());
        let asked = |scenario: S::Scenario| {
            (0..document.faults().len()).map(|place| scenario.asked_at(place)).collect()
        };
        self.failures.push(Failure {
            invariant: broken.invariant.clone(),
            what: broken.what.clone(),
            faults: scenario.map(asked).unwrap_or_default(),
            toml: document.to_toml(),
        });
    }

    fn add(&mut self, other: Count) {
        self.figures.add(other.figures);
        self.failures.extend(other.failures);
    }
}

impl Figures {
    fn add(&mut self, other: Figures) {
        self.runs += other.runs;
        self.same += other.same;
        self.unfired += other.unfired;
        self.system.add(other.system);
        self.virtual_seconds += other.virtual_seconds;
        self.events += other.events;
        for (mine, others) in
            [(&mut self.faults_fired, other.faults_fired), (&mut self.sometimes, other.sometimes)]
        {
            for (name, count) in others {
                *mine.entry(name).or_default() += count;
            }
        }
        let both = Sha256::new().chain_update(&self.fingerprint).chain_update(other.fingerprint);
        let hash = both.finalize();
        self.fingerprint = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    }
}
