//! Smaller, and why.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{folder, object, sim, write};

/// One customer's closed account is what breaks it, and all else is there to be dropped.
const PARKED: &str = r#"about = "Somebody expected no parked refund."
seed  = 3

[world]
replicas = { store = 3, bank = 2 }
stock = [ { sku = "mug", warehouse = "perth", units = 30 }, { sku = "teapot", warehouse = "sydney", units = 30 } ]
carrier = { pick_up = "10m" }

[[customer]]
script = [ { order = { teapot = 2 } }, { after = "2500ms", order = { mug = 2 } } ]

[[customer]]
script = [
    { order = { teapot = 2, mug = 3 } },
    { wait_until = "RECEIVED", cancel = "last" },
    { after = "1s", order = { mug = 2 } },
]

[[fault]]
cut = "bank <-> store"
from = "1s"
until = "4200ms"

[[fault]]
close_account = "customer-2/1"
when = "RECEIVED"

[[fault]]
crash = "delivery"
at = "50m"
restart = "1s"

[expect]
parked = 0
"#;

/// What comes out runs, breaks the same, and is the same however many processes looked for it.
#[test]
fn what_broke_is_made_smaller() {
    let path = write("parked", PARKED);
    let shrunk = |jobs: &str| {
        let out = folder("parked").join(format!("smallest_{jobs}.toml")).display().to_string();
        let ended = sim(&["shrink", &path, "--jobs", jobs, "--out", &out, "--json"]);
        assert_eq!((ended.code, ended.complaints.as_str()), (0, ""), "{}", ended.output);
        (out, object(&ended))
    };
    let (out, json) = shrunk("2");
    let after = serde_json::json!({ "faults": 1, "customers": 1, "orders": 1, "steps": 2 });
    assert_eq!((&json["invariant"], &json["after"]), (&Value::from("expected"), &after));
    assert_eq!(
        (&json["before"]["faults"], &json["complete"]),
        (&Value::from(3), &Value::from(true))
    );
    let (_, alone) = shrunk("1");
    for field in ["toml", "candidates", "steps", "story"] {
        assert_eq!(json[field], alone[field], "{field}");
    }
    // No fault in it is idle: that would be a complaint, and exit code 2.
    let ended = sim(&["run", &out, "--json"]);
    let run = object(&ended);
    assert_eq!((ended.code, ended.complaints.as_str()), (1, ""));
    assert_eq!(run["broken"][0]["invariant"], "expected");
    let beside = |extension| fs::read_to_string(Path::new(&out).with_extension(extension));
    let snapshot = beside("snap").expect("a snapshot");
    let story: Vec<&str> = snapshot.lines().skip(3).collect();
    assert_eq!(run["story"], serde_json::json!(story));
    let diagram = beside("mmd").expect("a diagram");
    assert!(
        diagram.starts_with("sequenceDiagram\n    participant p0 as customer-1\n"),
        "{diagram}"
    );
    for words in ["->>p1: order\n", ": refund\n", "BROKEN expected: 1 parked refunds"] {
        assert!(diagram.contains(words), "{words} is not in {diagram}");
    }
}

#[test]
fn what_held_cannot_be_made_smaller() {
    for command in ["shrink", "explain"] {
        let ended = sim(&[command, "order_delivered"]);
        assert_eq!((ended.code, ended.output.as_str()), (2, ""));
        assert!(ended.complaints.contains("breaks nothing"), "{}", ended.complaints);
    }
    let path = write("held", PARKED);
    let ended = sim(&["shrink", &path, "--invariant", "no oversell"]);
    assert_eq!(ended.code, 2);
    assert!(ended.complaints.contains("held; what broke is expected"), "{}", ended.complaints);
}

#[test]
fn what_broke_is_explained() {
    let path = write("explained", PARKED);
    let words = ["explain", &path, "--runs", "6", "--moments", "4", "--json"];
    let json = object(&sim(&words));
    assert_eq!((&json["invariant"], &json["runs"]), (&Value::from("expected"), &Value::from(6)));
    let broken = |rows: &str| -> Vec<u64> {
        let rows = json[rows].as_array().expect("a list").iter();
        rows.map(|row| row["broken"].as_u64().expect("a number")).collect()
    };
    assert_eq!(broken("likelihood").len(), 4);
    assert_eq!(broken("likelihood").last(), Some(&6), "what has happened has happened");
    // The cut and the crash have no part in it, the closed account is the cause.
    assert_eq!(broken("necessity"), [6, 0, 6], "{}", json["necessity"]);
    let text = sim(&words[..6]).output;
    assert!(
        text.contains("\n  0 of 6  account closed before the refund: customer-2/1\n"),
        "{text}"
    );
}
