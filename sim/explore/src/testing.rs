//! A system's storms and scenario files as tests of its own, for `cargo test` and `cargo nextest`.
//!
//! Here is what [`sim_test`](macro@crate::sim_test) and [`scenario_tests!`](crate::scenario_tests) call.
//!
//! Worlds wait for each other in a process ([`world::run`](stormproof_world::run) lets one run at a
//! time), so `cargo test` runs the tests one after the other whatever its threads; `cargo nextest`
//! gives each test a process of its own. A test that fails prints the line that runs the failing
//! world alone: `replay  STORMPROOF_SEED=12 cargo test no_storm_breaks_it`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::{fs, thread};

use super::shrink::{Shrunk, Trial};
use super::smaller::{CANDIDATES_MAX, NAME, breaks, shrink};
use super::{Document, DocumentOf, Options, OwnOf, Profile, Scenario as _, System};
use stormproof_faults::OwnKinds;
use stormproof_faults::mistake::one_of;
use stormproof_faults::outcome::Outcome;
use stormproof_faults::table::rows;

/// The environment variable that makes a test run one seed, and no other.
pub const SEED: &str = "STORMPROOF_SEED";

/// The storms of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storms<'a> {
    /// The seeds that they are drawn from: 1 to 20, unless said otherwise.
    pub seeds: Vec<u64>,
    /// How they are drawn: as a swarm, unless said otherwise.
    pub profile: Profile,
    /// The kinds of fault that they may have, by their keys in scenario files; `None`: all.
    pub faults: Option<&'a [&'a str]>,
}

impl Default for Storms<'_> {
    fn default() -> Self {
        Storms { seeds: (1..=20).collect(), profile: Profile::default(), faults: None }
    }
}

/// Draws a storm from each of the seeds (or from the one in [`SEED`]), runs it and hands on what came
/// of it. `test` is the test's name, for the line that runs it again.
///
/// # Panics
/// If an invariant does not hold, the world does not come to rest, or a storm cannot be drawn. Also
/// if `storms` name a kind of fault that there is not, or kinds of which none of the seeds has one:
/// such a test would hold whatever the system does.
pub fn storms_hold<S: System>(
    system: &S,
    test: &str,
    storms: &Storms<'_>,
    mut each: impl FnMut(&Outcome),
) {
    let Storms { seeds, profile, faults: kinds } = storms;
    kinds.iter().for_each(|kinds| know::<OwnOf<S>>(kinds));
    assert!(!seeds.is_empty(), "no seeds: nothing would be run");
    let asked = asked();
    let mut faults = 0;
    for seed in asked.map_or(seeds.clone(), |seed| vec![seed]) {
        let _line = ReplayLine { test, seed };
        let drawn = system.draw(seed, *profile);
        let document = match kinds {
            Some(kinds) => only(&drawn, kinds),
            None => drawn,
        };
        faults += document.faults().len();
        let scenario = system.check("storm", document);
        let scenario = scenario.unwrap_or_else(|mistake| panic!("seed {seed}: {mistake}"));
        let outcome = system.simulate(&scenario, seed, Options::default());
        hold(&outcome);
        each(&outcome);
    }
    if let (Some([_, ..]), None, 0) = (kinds, asked, faults) {
        panic!("no storm of {} seeds has one of these faults: more seeds find some", seeds.len());
    }
}

/// Runs a scenario under its own seed, or the one in [`SEED`]. `file` is its file's path as people
/// know it, `test` the test's name, for the line that runs it again.
///
/// # Panics
/// If it is no scenario, an invariant does not hold, or one of its faults never fired.
pub fn scenario_holds<S: System>(system: &S, test: &str, file: &str, text: &str) {
    let scenario = system.parse(file, text);
    let scenario = scenario.unwrap_or_else(|mistake| panic!("{mistake}"));
    let seed = asked().unwrap_or_else(|| scenario.seed());
    let _line = ReplayLine { test, seed };
    let outcome = system.simulate(&scenario, seed, Options::default());
    hold(&outcome);
    assert!(outcome.unfired.is_empty(), "never fired: {}", outcome.unfired.join(", "));
}

/// Sees to it that `stems` are those of all scenario files of `folder`, of which the tests in the
/// source file `tests` were made.
///
/// # Panics
/// If there is one more or one less, or the folder cannot be listed.
pub fn all_are_named(folder: &str, stems: &[&str], tests: &str) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let files = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let found = files.filter_map(|path| Some(Path::new(path.file_stem()?).to_str()?.to_owned()));
    let (found, named): (BTreeSet<String>, BTreeSet<String>) =
        (found.collect(), stems.iter().map(ToString::to_string).collect());
    let apart: Vec<_> = found.symmetric_difference(&named).map(String::as_str).collect();
    assert!(
        apart.is_empty(),
        "{folder} has other files than when its tests were compiled: {}. Compile them anew: touch \
         {tests}",
        apart.join(", ")
    );
}

/// Sees to it that there are such kinds of fault.
fn know<K: OwnKinds>(kinds: &[&str]) {
    let known: Vec<_> = rows::<K>().into_iter().map(|row| row.key).collect();
    for kind in kinds {
        assert!(known.contains(kind), "no kind of fault {kind:?}: expected {}", one_of(&known));
    }
}

/// The document with only those of its faults that are of these kinds.
fn only<D: Document>(document: &D, kinds: &[&str]) -> D {
    let mut faults = document.faults().to_vec();
    faults.retain(|fault| fault.value.kinds.iter().all(|(row, _)| kinds.contains(&row.key)));
    document.with_faults(faults)
}

/// Draws storms until one breaks `invariant`, and makes it as small as it gets: for a bug that is
/// planted to be found.
///
/// # Panics
/// If the storm of no seed breaks it.
pub fn smallest_breach<S: System>(
    system: &S,
    seeds: RangeInclusive<u64>,
    invariant: &str,
) -> Shrunk<DocumentOf<S>, Outcome> {
    let mut trial = InProcess { system, invariant };
    let mut storms: Vec<_> = seeds.map(|seed| system.draw(seed, Profile::Swarm)).collect();
    let found = trial.first(&storms).unwrap_or_else(|mistake| panic!("{mistake}"));
    let (place, outcome) =
        found.unwrap_or_else(|| panic!("none of {} storms breaks {invariant:?}", storms.len()));
    let shrunk = shrink(system, &mut trial, storms.swap_remove(place), outcome, CANDIDATES_MAX);
    shrunk.unwrap_or_else(|mistake| panic!("{mistake}"))
}

/// Runs one candidate after the other, here.
struct InProcess<'a, S> {
    system: &'a S,
    invariant: &'a str,
}

impl<S: System> Trial<DocumentOf<S>> for InProcess<'_, S> {
    type Evidence = Outcome;

    fn first(&mut self, candidates: &[DocumentOf<S>]) -> Result<Option<(usize, Outcome)>, String> {
        for (place, document) in candidates.iter().enumerate() {
            let scenario = self.system.check(NAME, document.clone());
            let scenario = scenario.map_err(|mistake| mistake.to_string())?;
            let outcome = self.system.simulate(&scenario, document.seed(), Options::default());
            if breaks(&outcome, self.invariant) {
                return Ok(Some((place, outcome)));
            }
        }
        Ok(None)
    }
}

fn hold(outcome: &Outcome) {
    let broken = outcome.broken.iter();
    let broken: Vec<_> =
        broken.map(|it| format!("{}\n        {}", it.invariant, it.what)).collect();
    assert!(broken.is_empty(), "BROKEN  {}", broken.join("\nBROKEN  "));
}

#[expect(clippy::disallowed_methods, reason = "asks which world is to run, not what happens in it")]
fn asked() -> Option<u64> {
    let seed = std::env::var(SEED).ok()?;
    Some(seed.parse().unwrap_or_else(|_| panic!("{SEED} is a number, not {seed:?}")))
}

/// Prints how one world is run alone if a panic passes by, whoever made it.
struct ReplayLine<'a> {
    test: &'a str,
    seed: u64,
}

impl Drop for ReplayLine<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let ReplayLine { test, seed } = self;
            eprintln!("replay  {SEED}={seed} cargo test {test}");
        }
    }
}
