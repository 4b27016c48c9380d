//! The planted bugs: every patch is well formed, applies to this tree, and changes what it says.
//!
//! That what they make compiles, and is found, is `cargo sim bugs`'s to show.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use stormproof_explore::System as _;
use stormproof_explore::bugs::Bug;
use stormproof_explore::bugs::header::Class;
use stormproof_explore::bugs::record::Record;
use stormproof_explore::registries;
use stormproof_sim::Shop;

fn all() -> Vec<Bug> {
    let patches = Shop.patches().expect("the shop has bugs to plant");
    patches.all(&registries::of(&Shop)).unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

#[test]
fn every_patch_applies() {
    for bug in all() {
        let changed = bug.diff.apply(read).unwrap_or_else(|mistake| panic!("{mistake}"));
        assert!(!changed.is_empty(), "{} changes nothing", bug.name);
        for (path, text) in changed {
            assert_ne!(read(&path), Some(text), "{}: {path} stays as it is", bug.name);
        }
    }
}

/// The mistakes are the shop's, or its host's where they are mistakes of configuration: never the
/// judges'.
#[test]
fn no_patch_touches_the_judges() {
    for bug in all() {
        for path in bug.diff.paths() {
            let fair = [
                "system/src/",
                "system/messaging/src/",
                "system/ports/src/sqlite.rs",
                "sim/sqlite/src/",
            ]
            .iter()
            .any(|folder| path.starts_with(folder));
            assert!(fair, "{} changes {path}", bug.name);
        }
    }
}

#[test]
fn the_bugs_are_many_and_of_every_class() {
    let all = all();
    let (canaries, bugs): (Vec<_>, Vec<_>) = all.iter().partition(|bug| bug.header.canary);
    assert_eq!(canaries.len(), 1);
    assert!(bugs.len() >= 24, "{} bugs", bugs.len());
    let told = bugs.iter().filter(|bug| bug.header.source.is_some()).count();
    assert!(told >= 6, "{told} bugs with a source");
    let classes: BTreeSet<Class> = bugs.iter().map(|bug| bug.header.class).collect();
    assert_eq!(classes, BTreeSet::from(Class::ALL));
}

/// A recorded figure is one of a bug that there is and that was found. What is not recorded has not
/// been found yet, which `cargo sim bugs` tells.
#[test]
fn the_record_is_of_these_bugs() {
    let patches = Shop.patches().expect("the shop has bugs to plant");
    let record = Record::load(&patches).unwrap_or_else(|mistake| panic!("{mistake}"));
    let record = record.expect("`cargo sim bugs --record` has been run");
    let all = all();
    for row in &record.bugs {
        let bug = all.iter().find(|bug| bug.name == row.name && !bug.header.canary);
        let bug = bug.unwrap_or_else(|| panic!("there is no bug {}", row.name));
        assert_eq!(bug.header.class, row.class, "{}", row.name);
        let found = row.searches.get("swarm").unwrap_or_else(|| panic!("{} by default", row.name));
        assert!((1..=found.ranges).contains(&found.detections), "{} was not found", row.name);
        for search in row.searches.values() {
            assert!(search.as_expected <= search.detections, "{}", row.name);
            assert!(search.detections <= search.ranges, "{}", row.name);
        }
    }
    assert!(record.bugs.len() >= 24, "{} recorded", record.bugs.len());
}
