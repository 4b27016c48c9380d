//! Mutants of the shop's SQL.

use crate::{folder, object, sim};

/// Who drops what keeps the last piece from being sold twice is found out, and everybody else holds.
#[test]
fn the_guard_of_the_stock_is_missed() {
    let guard = "AND on_hand - reserved >= $1";
    let results = folder("mutate").join("guard.jsonl").display().to_string();
    let words = ["mutate", "sql", "--only", guard, "--kind", "condition", "--seeds", "3", "--json"];
    let ended = sim(&[&words[..], &["--results", &results]].concat());
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""), "{}", ended.output);
    let json = object(&ended);
    assert_eq!((&json["seeds"], &json["unread"]), (&3.into(), &serde_json::json!([])));
    assert!(json["mutants"].as_u64() > Some(500), "{}", json["mutants"]);
    let rows = json["rows"].as_array().expect("a list");
    let caught = |row: &serde_json::Value| !row["verdict"]["caught"].is_null();
    assert!(rows.len() == 3 && rows.iter().all(caught), "{json}");
    let dropped = rows.iter().find(|row| row["what"].as_str().is_some_and(|it| it.contains(">=")));
    let dropped = dropped.expect("the guard is a condition");
    assert_eq!(dropped["databases"], serde_json::json!(["warehouse-db"]));
    assert!(!json["canary"]["caught"].is_null(), "{}", json["canary"]);
    assert_eq!(json["complaints"], serde_json::json!([]));
}

#[test]
fn mutants_that_there_are_not_are_refused() {
    for words in [&["mutate"][..], &["mutate", "rust"], &["mutate", "sql", "--kind", "insects"]] {
        let ended = sim(words);
        assert_eq!((ended.code, ended.output.as_str()), (2, ""), "{words:?}");
    }
}
