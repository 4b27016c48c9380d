//! What became of mutants, a line of JSON each: as they come, and as it is kept.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Error, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::orders::RunName;
use super::verdict::Became;
use crate::cli::arguments::MutateTarget;
use crate::mutants::Mutant;

/// The files of a folder that is kept: what became of mutants, the page that tells it, what is argued.
impl MutateTarget {
    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            MutateTarget::Sql => "sql",
            MutateTarget::Code => "code",
        }
    }

    /// What mutants are made of.
    pub fn source(self) -> &'static str {
        match self {
            MutateTarget::Sql => "statement",
            MutateTarget::Code => "function",
        }
    }

    pub fn record(self) -> &'static str {
        match self {
            MutateTarget::Sql => "sql.jsonl",
            MutateTarget::Code => "code.jsonl",
        }
    }

    pub fn page(self) -> &'static str {
        match self {
            MutateTarget::Sql => "sql.md",
            MutateTarget::Code => "code.md",
        }
    }

    pub fn argued(self) -> &'static str {
        match self {
            MutateTarget::Sql => "argued.toml",
            MutateTarget::Code => "argued_code.toml",
        }
    }
}

/// A mutant and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutantRow {
    #[serde(flatten)]
    pub mutant: Mutant,
    /// So many seeds of storms it was to be run under.
    pub seeds: u64,
    pub verdict: Became,
}

impl MutantRow {
    pub fn of(mutant: &Mutant, seeds: u64, verdict: Became) -> MutantRow {
        MutantRow { mutant: Mutant { pairs: Vec::new(), ..mutant.clone() }, seeds, verdict }
    }
}

/// Rows that are written down as they come.
pub struct Ledger {
    path: PathBuf,
    file: File,
    known: BTreeMap<String, MutantRow>,
}

impl Ledger {
    /// Begins a ledger in a file, or goes on with the one that is there.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn open(path: PathBuf, resume: bool) -> Result<Ledger, String> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| cannot(&path, &error))?;
        }
        let known = if resume { read(&path)? } else { BTreeMap::new() };
        // What was cut off when it was broken off goes.
        write(&path, &known.values().cloned().collect::<Vec<_>>())?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|error| cannot(&path, &error))?;
        Ok(Ledger { path, file, known })
    }

    /// Whether it need not be run again: nothing can have come of it that so many seeds would change.
    pub fn knows(&self, mutant: &Mutant, seeds: u64) -> bool {
        let is_enough = |row: &MutantRow| match &row.verdict {
            Became::Caught { run: RunName::Storm(seed), .. } => *seed <= seeds,
            Became::Caught { .. } | Became::Refused { .. } => true,
            Became::Missed { .. } | Became::NotReached => row.seeds >= seeds,
        };
        self.known.get(&mutant.id).is_some_and(is_enough)
    }

    /// Notes what became of a mutant.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(&mut self, row: MutantRow) -> Result<(), String> {
        writeln!(self.file, "{}", line(&row)).map_err(|error| cannot(&self.path, &error))?;
        self.known.insert(row.mutant.id.clone(), row);
        Ok(())
    }

    /// What became of all that it knows.
    pub fn all(&self) -> impl Iterator<Item = &MutantRow> {
        self.known.values()
    }

    /// What became of these.
    pub fn rows(&self, mutants: &[&Mutant]) -> Vec<MutantRow> {
        mutants.iter().filter_map(|mutant| self.known.get(&mutant.id).cloned()).collect()
    }
}

/// The rows of a file by the names of mutants, if there is one.
///
/// # Errors
/// If it is there and cannot be read.
pub fn read(path: &Path) -> Result<BTreeMap<String, MutantRow>, String> {
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    let rows = text.lines().map_while(|line| serde_json::from_str::<MutantRow>(line).ok());
    Ok(rows.map(|row| (row.mutant.id.clone(), row)).collect())
}

/// Writes rows in their order.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, rows: &[MutantRow]) -> Result<(), String> {
    let text: String = rows.iter().map(|row| line(row) + "\n").collect();
    fs::write(path, text).map_err(|error| cannot(path, &error))
}

/// The rows of all mutants that there are: the new one, or else the one that is recorded.
pub fn merged(
    recorded: &BTreeMap<String, MutantRow>,
    new: &[MutantRow],
    all: &[&Mutant],
) -> Vec<MutantRow> {
    let new: BTreeMap<&str, &MutantRow> = new.iter().map(|row| (&*row.mutant.id, row)).collect();
    let row = |mutant: &&Mutant| {
        let id = mutant.id.as_str();
        let MutantRow { seeds, verdict, .. } = new.get(id).copied().or_else(|| recorded.get(id))?;
        Some(MutantRow::of(mutant, *seeds, verdict.clone()))
    };
    all.iter().filter_map(row).collect()
}

/// The same row as it is recorded: what a statement is, the system says.
pub fn short(row: &MutantRow) -> MutantRow {
    let is_code = row.mutant.databases.is_empty();
    let statement = if is_code { row.mutant.statement.clone() } else { String::new() };
    MutantRow { mutant: Mutant { statement, ..row.mutant.clone() }, ..row.clone() }
}

fn line(row: &MutantRow) -> String {
    serde_json::to_string(row).expect("a row is plain data")
}

pub fn cannot(path: &Path, error: &Error) -> String {
    format!("{}: cannot be written: {error}", path.display())
}
