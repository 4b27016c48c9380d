//! A system's storms and scenario files as tests of its own, for `cargo test` and `cargo nextest`.
//!
//! Worlds wait for each other in a process ([`world::run`](stormproof_world::run) lets one run at a
//! time), so `cargo test` runs the tests one after the other whatever its threads; `cargo nextest`
//! gives each test a process of its own. A test that fails prints the line that runs the failing
//! world alone.
//!
//! ```ignore
//! use stormproof_explore::{scenario_tests, sim_test};
//!
//! sim_test!(no_storm_breaks_it, MySystem, seeds = 1..=20);
//! sim_test!(no_moment_breaks_it, MySystem, seeds = 1..=20, profile = Priority);
//! scenario_tests!(MySystem, "scenarios": calm, payment_reply_lost);
//! ```

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::{fs, thread};

use super::shrink::{Shrunk, Trial};
use super::smaller::{CANDIDATES_MAX, NAME, breaks, shrink};
use super::{Document as _, DocumentOf, Options, Profile, Scenario as _, System};
use stormproof_faults::outcome::Outcome;

/// The environment variable that makes a test run one seed, and no other.
pub const SEED: &str = "STORMPROOF_SEED";

/// Makes a `#[test]` that draws a storm from each seed and runs it:
/// `sim_test!(name, system, seeds = 1..=20)`, or with `profile = Swarm`, `Uniform` or `Priority`
/// (see [`Profile`](crate::Profile)).
#[macro_export]
macro_rules! sim_test {
    ($name:ident, $system:expr, seeds = $seeds:expr $(,)?) => {
        $crate::sim_test!($name, $system, seeds = $seeds, profile = Swarm);
    };
    ($name:ident, $system:expr, seeds = $seeds:expr, profile = $profile:ident $(,)?) => {
        #[test]
        fn $name() {
            let profile = $crate::Profile::$profile;
            $crate::testing::storms_hold(&$system, stringify!($name), $seeds, profile);
        }
    };
}

/// Makes a `#[test]` of each named scenario file of a folder (counted from the package's), and one
/// that none is left out: `scenario_tests!(system, "scenarios": calm, payment_reply_lost)`.
#[macro_export]
macro_rules! scenario_tests {
    ($system:expr, $folder:literal: $($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder);
            $crate::testing::scenario_holds(&$system, folder, stringify!($name));
        })+

        #[test]
        fn every_scenario_is_a_test() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder);
            $crate::testing::all_are_named(folder, &[$(stringify!($name)),+]);
        }
    };
}

/// Draws a storm from each of `seeds` (or from the one in [`SEED`]) and runs it. `test` is the
/// test's name, for the line that runs it again.
///
/// # Panics
/// If an invariant does not hold, the world does not come to rest, or a scenario cannot be drawn.
pub fn storms_hold<S: System>(
    system: &S,
    test: &str,
    seeds: RangeInclusive<u64>,
    profile: Profile,
) {
    let seeds = asked().map_or(seeds, |seed| seed..=seed);
    for seed in seeds {
        let _line = ReplayLine { test, seed };
        let scenario = system.check("storm", system.draw(seed, profile));
        let scenario = scenario.unwrap_or_else(|mistake| panic!("seed {seed}: {mistake}"));
        hold(&system.simulate(&scenario, seed, Options::default()));
    }
}

/// Runs the scenario file `name` of `folder` under its own seed, or the one in [`SEED`].
///
/// # Panics
/// If there is no such scenario, an invariant does not hold, or one of its faults never fired.
pub fn scenario_holds<S: System>(system: &S, folder: &str, name: &str) {
    let file = Path::new(folder).join(name).with_extension("toml");
    let text = fs::read_to_string(&file);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let scenario = system.parse(&file.display().to_string(), &text);
    let scenario = scenario.unwrap_or_else(|mistake| panic!("{mistake}"));
    let seed = asked().unwrap_or_else(|| scenario.seed());
    let _line = ReplayLine { test: name, seed };
    let outcome = system.simulate(&scenario, seed, Options::default());
    hold(&outcome);
    assert!(outcome.unfired.is_empty(), "never fired: {}", outcome.unfired.join(", "));
}

/// Sees to it that `names` are the stems of all scenario files of `folder`.
///
/// # Panics
/// If there is one more or one less.
pub fn all_are_named(folder: &str, names: &[&str]) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let files = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let stems = files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    let (stems, names): (BTreeSet<String>, BTreeSet<String>) =
        (stems.collect(), names.iter().map(ToString::to_string).collect());
    let left_out: Vec<_> = stems.symmetric_difference(&names).collect();
    assert!(left_out.is_empty(), "files and tests differ in {folder}: {left_out:?}");
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
