//! The measurement that is kept: how soon each bug was found, and what clean seeds are worth by it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::folder;
use super::geometric::{Count, found_by};
use super::header::Class;
use crate::shop::scenario::{Mistake, Source};

/// Its file, beside the patches.
const FILE: &str = "table.toml";

/// What the file says of itself.
const HEAD: &str =
    "# How soon each planted bug was found: written by `cargo sim bugs --record`.\n\n";

/// A measurement of all bugs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// How storms were drawn.
    pub profile: String,
    #[serde(rename = "bug")]
    pub bugs: Vec<Row>,
}

/// How one bug was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub name: String,
    pub class: Class,
    /// In how many ranges of seeds it was looked for.
    pub ranges: u64,
    /// Ranges in which it was found.
    pub detections: u64,
    /// Seeds until then, in all.
    pub seeds: u64,
    /// Wall seconds of exploring until a detection: the median and the longest.
    pub seconds: f64,
    pub seconds_max: f64,
    /// The invariant that broke first most often.
    pub caught_by: String,
    /// Detections in which the expected invariant broke.
    pub as_expected: u64,
}

/// What so many clean seeds say of one class of bugs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Meaning {
    pub class: &'static str,
    pub bugs: usize,
    /// The chance that a bug like these would have been found: the mean over them.
    pub likely: f64,
    /// The one that is hardest to find, with its chance, and the least that the measurement allows.
    pub hardest: String,
    pub hardest_likely: f64,
    pub hardest_low: f64,
}

impl Row {
    pub fn count(&self) -> Count {
        Count { detections: self.detections, seeds: self.seeds }
    }
}

impl Record {
    /// One that holds nothing yet.
    pub fn new(profile: &str) -> Record {
        Record { profile: profile.to_owned(), bugs: Vec::new() }
    }

    /// The measurement that is kept, if there is one.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn load() -> Result<Option<Record>, Mistake> {
        let Some(path) = path().filter(|path| path.is_file()) else { return Ok(None) };
        let shown = format!("sim/bugs/{FILE}");
        let text = std::fs::read_to_string(path)
            .map_err(|error| Mistake::of(&shown, format!("cannot be read: {error}")))?;
        let source = Source { file: &shown, text: &text };
        let record = toml::from_str(&text)
            .map_err(|error| source.mistake(&error.span().unwrap_or(0..0), error.message()))?;
        Ok(Some(record))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// If its file cannot be written.
    pub fn save(&self) -> Result<(), Mistake> {
        let shown = format!("sim/bugs/{FILE}");
        let path = path().ok_or_else(|| Mistake::of(&shown, "there is no such folder"))?;
        let text = toml::to_string(self).expect("tables, texts and numbers are all TOML needs");
        std::fs::write(path, format!("{HEAD}{text}"))
            .map_err(|error| Mistake::of(&shown, format!("cannot be written: {error}")))
    }

    /// The same with these rows, in place of what was recorded of their bugs before.
    pub fn with(mut self, rows: Vec<Row>) -> Record {
        self.bugs.retain(|row| rows.iter().all(|new| new.name != row.name));
        self.bugs.extend(rows);
        self.bugs.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    pub fn row(&self, name: &str) -> Option<&Row> {
        self.bugs.iter().find(|row| row.name == name)
    }

    /// What `seeds` clean ones are worth, class by class.
    pub fn meaning(&self, seeds: u64) -> Vec<Meaning> {
        let of_class = |class: Class| {
            let rows: Vec<&Row> = self.bugs.iter().filter(|row| row.class == class).collect();
            let likely = |row: &Row| found_by(seeds, row.count().chance().likely);
            let hardest = rows.iter().min_by(|a, b| likely(a).total_cmp(&likely(b)))?;
            Some(Meaning {
                class: class.word(),
                bugs: rows.len(),
                likely: rows.iter().map(|row| likely(row)).sum::<f64>() / rows.len() as f64,
                hardest: hardest.name.clone(),
                hardest_likely: likely(hardest),
                hardest_low: found_by(seeds, hardest.count().chance().low),
            })
        };
        Class::ALL.into_iter().filter_map(of_class).collect()
    }
}

fn path() -> Option<PathBuf> {
    Some(folder()?.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, class: Class, seeds: u64) -> Row {
        Row {
            name: name.to_owned(),
            class,
            ranges: 5,
            detections: 5,
            seeds,
            seconds: 0.5,
            seconds_max: 1.0,
            caught_by: "private".to_owned(),
            as_expected: 5,
        }
    }

    #[test]
    fn clean_seeds_are_worth_what_was_measured() {
        let bugs = vec![
            row("loud", Class::Key, 5),
            row("quiet", Class::Key, 500),
            row("x", Class::Race, 50),
        ];
        let record = Record { profile: "swarm".to_owned(), bugs };
        let meaning = record.meaning(100);
        assert_eq!(meaning.len(), 2);
        let key = &meaning[0];
        assert_eq!((key.class, key.bugs, key.hardest.as_str()), ("key", 2, "quiet"));
        assert!((key.hardest_likely - 0.634).abs() < 0.001, "{key:?}");
        assert!((key.likely - 0.817).abs() < 0.001, "{key:?}");
        assert!(key.hardest_low < key.hardest_likely);
        let anew = record.clone().with(vec![row("quiet", Class::Key, 50)]);
        let seeds: Vec<u64> = anew.bugs.iter().map(|row| row.seeds).collect();
        assert_eq!(seeds, [5, 50, 50]);
        let text = toml::to_string(&record).expect("plain data");
        assert_eq!(toml::from_str::<Record>(&text).expect("as it was written"), record);
    }
}
