//! Many runs.

use serde_json::Value;

use crate::{GOOD, has_all_fields, object, sim, write};

/// In one process as in several: only the wall's clock differs.
#[test]
fn explorations_are_the_same_however_they_are_spread() {
    let explore = |jobs| {
        let ended = sim(&["explore", "--seeds", "5", "--from", "7", "--jobs", jobs, "--json"]);
        assert_eq!((ended.code, ended.complaints.as_str()), (0, ""), "{}", ended.output);
        let mut json = object(&ended);
        has_all_fields(&json);
        json.as_object_mut().expect("an object").remove("wall_seconds");
        json
    };
    let alone = explore("1");
    assert_eq!(alone["seeds"], 5);
    assert!(alone["orders"].as_u64() >= Some(5 * 20), "{}", alone["orders"]);
    assert_eq!(alone, explore("2"));
}

/// Progress is for people: not a byte of it where nobody watches.
#[test]
fn explorations_are_quiet_about_their_progress() {
    let ended = sim(&["explore", "--seeds", "2"]);
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""), "{}", ended.output);
    assert!(ended.output.starts_with("storm · swarm · 2 seeds from 1"), "{}", ended.output);
    assert!(!ended.output.contains(['\r', '\u{1b}']), "{}", ended.output);
}

#[test]
fn an_exploration_finds_what_breaks() {
    let path = write("always_broken", &format!("{GOOD}[expect]\nrefunds = 1\n"));
    let words = ["explore", "--scenario", &path, "--seeds", "3", "--json"];
    let ended = sim(&words);
    let json = object(&ended);
    assert_eq!(ended.code, 1);
    let seeds: Vec<_> = json["broken"].as_array().expect("a list").iter().collect();
    assert_eq!(seeds.iter().map(|broken| &broken["seed"]).collect::<Vec<_>>(), [1, 2, 3]);
    let text = sim(&words[..5]).output;
    assert!(text.contains("BROKEN  expected · 3 of 3 seeds\n"), "{text}");
    assert_eq!(text.matches("\nreplay  cargo sim run ").count(), 1, "{text}");
}

#[test]
fn a_check_compares_runs() {
    let ended = sim(&["check", "--seeds", "2", "--json"]);
    let json = object(&ended);
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""));
    assert_eq!((&json["seeds"], &json["runs"]), (&Value::from(2), &Value::from(6)));
    assert_eq!(json["differences"], serde_json::json!([]));
    assert!(json["lines"].as_u64() >= Some(1000), "{json}");
}
