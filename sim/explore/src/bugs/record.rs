//! The measurement that is kept: how soon each bug was found, and what clean seeds are worth by it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Patches;
use super::geometric::{Count, found_by};
use super::header::Class;
use crate::Size;
use stormproof_faults::mistake::{Mistake, Source};

/// Its file, beside the patches.
const FILE: &str = "table.toml";

/// What the file says of itself.
fn head(command: &str) -> String {
    format!("# How soon each planted bug was found: written by `{command} bugs --record`.\n\n")
}

/// A measurement of all bugs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// How each was found, a table each, by name.
    #[serde(rename = "bug")]
    pub bugs: Vec<RecordRow>,
}

/// How one bug was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRow {
    /// The bug's name.
    pub name: String,
    /// What kind of mistake it is.
    pub class: Class,
    /// What the first detection shrank to, if it was shrunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Size>,
    /// How it was looked for, by the profile that storms were drawn with.
    #[serde(rename = "by")]
    pub searches: BTreeMap<String, Search>,
}

/// Looking for one bug in several ranges of seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// In how many ranges it was looked for.
    pub ranges: u64,
    /// Ranges in which it was found.
    pub detections: u64,
    /// Seeds until then, in all.
    pub seeds: u64,
    /// Wall seconds of exploring one range: the median.
    pub seconds: f64,
    /// And the longest.
    pub seconds_max: f64,
    /// The invariant that broke first most often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_by: Option<String>,
    /// Detections in which the expected invariant broke.
    pub as_expected: u64,
}

/// What so many clean seeds say of one class of bugs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Meaning {
    /// The class's word.
    pub class: &'static str,
    /// How many bugs of it were measured.
    pub bugs: usize,
    /// The chance that a bug like these would have been found: the mean over them.
    pub likely: f64,
    /// The one that is hardest to find.
    pub hardest: String,
    /// The chance that it would have been found.
    pub hardest_likely: f64,
    /// The least chance of it that the measurement allows.
    pub hardest_low: f64,
}

impl Search {
    /// What it says of the chance that one seed finds the bug.
    pub fn count(&self) -> Count {
        Count { detections: self.detections, seeds: self.seeds }
    }
}

impl Record {
    /// The measurement that is kept, if there is one.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn load(patches: &Patches) -> Result<Option<Record>, Mistake> {
        let Some(path) = path(patches).filter(|path| path.is_file()) else { return Ok(None) };
        let shown = format!("{}/{FILE}", patches.folder);
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
    pub fn save(&self, patches: &Patches) -> Result<(), Mistake> {
        let shown = format!("{}/{FILE}", patches.folder);
        let path = path(patches).ok_or_else(|| Mistake::of(&shown, "there is no such folder"))?;
        let text = toml::to_string(self).expect("tables, texts and numbers are all TOML needs");
        std::fs::write(path, format!("{}{text}", head(patches.command)))
            .map_err(|error| Mistake::of(&shown, format!("cannot be written: {error}")))
    }

    /// The same with these rows, in place of what was recorded of their bugs by the same profiles
    /// before.
    pub fn with(mut self, rows: Vec<RecordRow>) -> Record {
        for mut row in rows {
            if let Some(place) = self.bugs.iter().position(|before| before.name == row.name) {
                let before = self.bugs.remove(place);
                for (profile, search) in before.searches {
                    row.searches.entry(profile).or_insert(search);
                }
                row.shrunk = row.shrunk.or(before.shrunk);
            }
            self.bugs.push(row);
        }
        self.bugs.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// How `bug` was looked for by `profile`.
    pub fn search(&self, bug: &str, profile: &str) -> Option<&Search> {
        self.bugs.iter().find(|row| row.name == bug)?.searches.get(profile)
    }

    /// What `seeds` clean ones drawn by `profile` are worth, class by class.
    pub fn meaning(&self, profile: &str, seeds: u64) -> Vec<Meaning> {
        let of_class = |class: Class| {
            let searched = |row: &RecordRow| {
                let search = row.searches.get(profile).filter(|_| row.class == class)?;
                Some((row.name.clone(), search.count().chance()))
            };
            let rows: Vec<_> = self.bugs.iter().filter_map(searched).collect();
            let chances = || rows.iter().map(|(_, chance)| found_by(seeds, chance.likely));
            let (hardest, chance) =
                rows.iter().min_by(|a, b| a.1.likely.total_cmp(&b.1.likely))?.clone();
            Some(Meaning {
                class: class.word(),
                bugs: rows.len(),
                likely: chances().sum::<f64>() / rows.len() as f64,
                hardest,
                hardest_likely: found_by(seeds, chance.likely),
                hardest_low: found_by(seeds, chance.low),
            })
        };
        Class::ALL.into_iter().filter_map(of_class).collect()
    }
}

fn path(patches: &Patches) -> Option<PathBuf> {
    Some(patches.folder()?.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, class: Class, seeds: u64) -> RecordRow {
        let search = Search {
            ranges: 5,
            detections: 5,
            seeds,
            seconds: 0.5,
            seconds_max: 1.0,
            caught_by: Some("private".to_owned()),
            as_expected: 5,
        };
        RecordRow {
            name: name.to_owned(),
            class,
            shrunk: None,
            searches: BTreeMap::from([("swarm".to_owned(), search)]),
        }
    }

    fn record() -> Record {
        let bugs = vec![
            row("loud", Class::Key, 5),
            row("quiet", Class::Key, 500),
            row("x", Class::Race, 50),
        ];
        Record { bugs }
    }

    #[test]
    fn clean_seeds_are_worth_what_was_measured() {
        let meaning = record().meaning("swarm", 100);
        assert_eq!(meaning.len(), 2);
        let key = &meaning[0];
        assert_eq!((key.class, key.bugs, key.hardest.as_str()), ("key", 2, "quiet"));
        assert!((key.hardest_likely - 0.634).abs() < 0.001, "{key:?}");
        assert!((key.likely - 0.817).abs() < 0.001, "{key:?}");
        assert!(key.hardest_low < key.hardest_likely);
        assert!(record().meaning("uniform", 100).is_empty());
    }

    #[test]
    fn what_was_measured_anew_replaces_only_itself() {
        let mut again = row("quiet", Class::Key, 50);
        let search = again.searches["swarm"].clone();
        again.searches = BTreeMap::from([("uniform".to_owned(), search)]);
        let size = Size(vec![("fault".to_owned(), 1), ("step".to_owned(), 2)]);
        again.shrunk = Some(size.clone());
        let record = record().with(vec![again]).with(vec![row("quiet", Class::Key, 70)]);
        let names: Vec<&str> = record.bugs.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["loud", "quiet", "x"]);
        let seeds = |profile| record.search("quiet", profile).map(|search| search.seeds);
        assert_eq!(
            (seeds("swarm"), seeds("uniform"), seeds("priority")),
            (Some(70), Some(50), None)
        );
        assert_eq!(record.bugs[1].shrunk, Some(size));
        let text = toml::to_string(&record).expect("plain data");
        assert_eq!(toml::from_str::<Record>(&text).expect("as it was written"), record);
    }
}
