//! What all mutants came to, and whether that is well.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ledger::MutantRow;
use super::orders::RunName;
use super::verdict::Became;
use crate::cli::Verdict;
use crate::cli::arguments::MutateTarget;
use crate::mutants::argued::{Argued, PERCENT_MAX};
use crate::mutants::sql::Unread;

/// Everything that was found out.
pub struct Score {
    pub target: MutateTarget,
    pub command: &'static str,
    pub seeds: u64,
    pub scenarios: usize,
    /// How many statements or functions there are.
    pub sources: usize,
    /// How many mutants there are, whether they were asked for or not.
    pub mutants: usize,
    /// Those that were asked for.
    pub rows: Vec<MutantRow>,
    pub canary: Became,
    pub unread: Vec<Unread>,
    pub argued: Argued,
    /// What was recorded before.
    pub recorded: BTreeMap<String, MutantRow>,
    pub wall_seconds: f64,
}

/// How many mutants of some became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub mutants: usize,
    /// By an invariant or an expectation of a scenario.
    pub by_scenarios: usize,
    /// By an invariant in a storm.
    pub by_storms: usize,
    /// SQLite or the compiler refuses it.
    pub refused: usize,
    /// Nobody noticed, for a reason that is given.
    pub argued: usize,
    pub missed: usize,
    /// Of those, no run went another way.
    pub unseen: usize,
    pub not_reached: usize,
}

/// The object of `--json`.
#[derive(Debug, Serialize)]
pub struct ScoreObject<'a> {
    seeds: u64,
    scenarios: usize,
    sources: usize,
    mutants: usize,
    all: Counts,
    by_kind: BTreeMap<String, Counts>,
    by_place: BTreeMap<String, Counts>,
    unread: Vec<&'a str>,
    canary: &'a Became,
    complaints: Vec<String>,
    rows: &'a [MutantRow],
    wall_seconds: f64,
}

impl Score {
    pub fn counts<'a>(&self, rows: impl IntoIterator<Item = &'a MutantRow>) -> Counts {
        let mut counts = Counts::default();
        for row in rows {
            counts.mutants += 1;
            match &row.verdict {
                Became::Caught { run: RunName::Scenario(_), .. } => counts.by_scenarios += 1,
                Became::Caught { run: RunName::Storm(_), .. } => counts.by_storms += 1,
                Became::Refused { .. } => counts.refused += 1,
                Became::NotReached => counts.not_reached += 1,
                Became::Missed { .. } if self.argued.reason(&row.mutant).is_some() => {
                    counts.argued += 1;
                }
                Became::Missed { differed, .. } => {
                    counts.missed += 1;
                    counts.unseen += usize::from(*differed == 0);
                }
            }
        }
        counts
    }

    /// The rows of each, by a name that each row has.
    pub fn by<'a>(
        &self,
        rows: &'a [MutantRow],
        name: impl Fn(&'a MutantRow) -> String,
    ) -> BTreeMap<String, Counts> {
        let mut groups: BTreeMap<String, Vec<&MutantRow>> = BTreeMap::new();
        rows.iter().for_each(|row| groups.entry(name(row)).or_default().push(row));
        groups.into_iter().map(|(name, rows)| (name, self.counts(rows))).collect()
    }

    /// What is wrong, in sentences; nothing: all is well.
    pub fn complaints(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.canary.is_caught() {
            wrong.push(format!(
                "the canary was not found ({:?}): the harness is broken",
                self.canary
            ));
        }
        let counts = self.counts(&self.rows);
        if counts.mutants == self.mutants && counts.argued * 100 > self.mutants * PERCENT_MAX {
            wrong.push(format!(
                "{} of {} mutants are argued away: expected at most {PERCENT_MAX} of 100",
                counts.argued, self.mutants
            ));
        }
        for pattern in &self.argued.patterns {
            let caught =
                self.rows.iter().find(|row| row.verdict.is_caught() && pattern.fits(&row.mutant));
            if let Some(row) = caught {
                wrong.push(format!(
                    "{} is argued to be no mistake ({}), and was noticed",
                    row.mutant.id, pattern.because
                ));
            }
        }
        for row in self.rows.iter().filter(|row| row.verdict.is_missed()) {
            let before = self.recorded.get(&row.mutant.id);
            if before.is_some_and(|before| before.verdict.is_caught() && before.seeds <= row.seeds)
            {
                let (id, what) = (&row.mutant.id, &row.mutant.what);
                wrong.push(format!(
                    "{id} ({what}) was noticed when it was recorded, and is not now"
                ));
            }
        }
        wrong
    }

    pub fn verdict(&self) -> Verdict {
        match self.complaints().is_empty() {
            true => Verdict::Held,
            false => Verdict::Broken,
        }
    }

    pub fn object(&self) -> ScoreObject<'_> {
        ScoreObject {
            seeds: self.seeds,
            scenarios: self.scenarios,
            sources: self.sources,
            mutants: self.mutants,
            all: self.counts(&self.rows),
            by_kind: self.by(&self.rows, kind),
            by_place: self.by(&self.rows, place),
            unread: self.unread.iter().map(|it| &*it.text).collect(),
            canary: &self.canary,
            complaints: self.complaints(),
            rows: &self.rows,
            wall_seconds: self.wall_seconds,
        }
    }
}

/// The kind of a mutant.
pub fn kind(row: &MutantRow) -> String {
    row.mutant.kind.word()
}

/// Where a mutant is: a table of a database, or of several; a file.
pub fn place(row: &MutantRow) -> String {
    let place = &row.mutant.place;
    match &row.mutant.databases[..] {
        [] => place.clone(),
        [one] => format!("{one} {place}"),
        _ => format!("several {place}"),
    }
}
