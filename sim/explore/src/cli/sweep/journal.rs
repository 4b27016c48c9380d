//! What a sweep of pairs goes on from when it was broken off: a line for each first fault that all
//! seconds were tried with. It is good for the very scenario, kinds and commit that it was begun with.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Error, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Count, FOLDER};
use crate::cli::subject::Subject;

/// An open journal.
pub struct Journal {
    path: PathBuf,
    file: File,
    known: BTreeMap<usize, Count>,
}

/// A line: the first fault's place, and what its runs came to.
#[derive(Serialize, Deserialize)]
struct JournalLine {
    place: usize,
    count: Count,
}

impl Journal {
    /// Begins a journal of a scenario; or goes on with the one that there is, if `resume` says so and
    /// it has the same key.
    pub fn open(subject: &Subject, key: &impl Serialize, resume: bool) -> Result<Journal, String> {
        let folder = subject.system().files.workspace().join(FOLDER);
        let path = folder.join(format!("{}.journal", subject.name()));
        let key = serde_json::to_string(key).expect("a key is plain data");
        fs::create_dir_all(&folder).map_err(|error| cannot(&path, &error))?;
        let known = if resume { read(&path, &key)? } else { None };
        let mut options = OpenOptions::new();
        let file = match known {
            Some(_) => options.append(true).open(&path),
            None => options.write(true).create(true).truncate(true).open(&path),
        };
        let file = file.map_err(|error| cannot(&path, &error))?;
        let mut journal = Journal { path, file, known: BTreeMap::new() };
        match known {
            Some(known) => journal.known = known,
            None => journal.write(&key)?,
        }
        Ok(journal)
    }

    /// What the runs of a first fault came to, if they are behind us.
    pub fn of(&self, place: usize) -> Option<Count> {
        self.known.get(&place).cloned()
    }

    /// Notes what they came to.
    pub fn note(&mut self, place: usize, count: &Count) -> Result<(), String> {
        let line = JournalLine { place, count: count.clone() };
        self.write(&serde_json::to_string(&line).expect("a count is plain data"))
    }

    fn write(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.file, "{line}").map_err(|error| cannot(&self.path, &error))
    }
}

/// The lines of a journal with this key; a last line that was cut off is none.
fn read(path: &Path, key: &str) -> Result<Option<BTreeMap<usize, Count>>, String> {
    let Ok(text) = fs::read_to_string(path) else {
        return Err(format!("--resume: there is no sweep to go on with at {}", path.display()));
    };
    let mut lines = text.lines();
    if lines.next() != Some(key) {
        return Err(format!(
            "--resume: {} was begun with another scenario, seed, choice of kinds or commit; expected \
             the same",
            path.display()
        ));
    }
    let lines = lines.map_while(|line| serde_json::from_str::<JournalLine>(line).ok());
    Ok(Some(lines.map(|line| (line.place, line.count)).collect()))
}

fn cannot(path: &Path, error: &Error) -> String {
    format!("cannot write to {}: {error}", path.display())
}
