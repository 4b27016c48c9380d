//! The objects of `--json`.

use crate::bugs::record::{Meaning, Record};
use serde::Serialize;

use super::scoreboard::{Entry, Scoreboard};
use super::search::{Search, Trail};
use crate::Profile;
use crate::cli::shrink::Reduced;
use crate::cli::summary::{Json, Summary};

/// What clean seeds mean.
#[derive(Serialize)]
pub struct Clean {
    seeds: u64,
    classes: Vec<Meaning>,
}

impl Clean {
    pub fn by(record: &Record, profile: Profile, seeds: u64) -> Clean {
        Clean { seeds, classes: record.meaning(profile.word(), seeds) }
    }
}

/// The first control's figures, as of every exploration, the bugs, and every control.
#[derive(Serialize)]
pub struct Object<'a> {
    #[serde(flatten)]
    control: Option<Json<'a>>,
    bugs: Vec<JsonBug<'a>>,
    unplanted: &'a [(String, String)],
    /// The clean tree, for each profile.
    controls: Vec<JsonControl<'a>>,
}

#[derive(Serialize)]
struct JsonControl<'a> {
    profile: &'static str,
    #[serde(flatten)]
    control: Json<'a>,
}

#[derive(Serialize)]
struct JsonBug<'a> {
    name: &'a str,
    class: &'static str,
    canary: bool,
    build_seconds: f64,
    expected: &'a str,
    complaint: Option<&'static str>,
    shrunk: Option<&'a Reduced>,
    searches: Vec<JsonSearch<'a>>,
}

#[derive(Serialize)]
struct JsonSearch<'a> {
    profile: &'static str,
    detections: u64,
    seeds: u64,
    /// Seeds until half, and until 95 of 100, are found: likely, low, high; null: for ever.
    seeds_median: [f64; 3],
    seeds_p95: [f64; 3],
    seconds_median: f64,
    seconds_max: f64,
    caught_by: Option<&'a str>,
    as_expected: u64,
    trails: &'a [Trail],
}

/// The object of what was measured; there is a control for each profile.
pub fn of<'a>(controls: &'a [Summary<'a>], scoreboard: &'a Scoreboard) -> Object<'a> {
    let control = |summary: &'a Summary<'a>| JsonControl {
        profile: summary.subject.profile().word(),
        control: summary.json(None),
    };
    let bug = |entry: &'a Entry| JsonBug {
        name: &entry.name,
        class: entry.class.word(),
        canary: entry.canary,
        build_seconds: entry.build_seconds,
        expected: &entry.expected,
        complaint: entry.complaint(scoreboard.record.as_ref()),
        shrunk: entry.shrunk.as_ref(),
        searches: entry.searches.iter().map(|it| search(it, &entry.expected)).collect(),
    };
    Object {
        control: controls.first().map(|summary| summary.json(None)),
        bugs: scoreboard.entries.iter().map(bug).collect(),
        unplanted: &scoreboard.unplanted,
        controls: controls.iter().map(control).collect(),
    }
}

fn search<'a>(search: &'a Search, expected: &str) -> JsonSearch<'a> {
    let count = search.count();
    let three = |share| {
        let estimate = count.seeds_for(share);
        [estimate.likely, estimate.low, estimate.high]
    };
    let (seconds_median, seconds_max) = search.seconds();
    JsonSearch {
        profile: search.profile.word(),
        detections: count.detections,
        seeds: count.seeds,
        seeds_median: three(0.5),
        seeds_p95: three(0.95),
        seconds_median,
        seconds_max,
        caught_by: search.caught_by(),
        as_expected: search.broke(expected),
        trails: &search.trails,
    }
}
