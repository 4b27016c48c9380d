//! One run, and what is asked in vain.

use std::fs;

use serde_json::Value;

use crate::{GOOD, folder, has_all_fields, object, sim, write};

#[test]
fn a_run_tells_its_story() {
    let ended = sim(&["run", "payment_reply_lost"]);
    let lines: Vec<&str> = ended.output.lines().collect();
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""), "{}", ended.output);
    assert_eq!(lines[0], "payment_reply_lost · seed 7");
    let story = ["fires", "bank        debits 20.00", "outcome unknown", "is paid", "delivers"];
    let mut rest = lines.iter();
    for words in story {
        assert!(rest.any(|line| line.contains(words)), "{words}: {}", ended.output);
    }
    let last = lines.last().expect("a last line");
    assert!(last.starts_with("at rest at ") && last.contains(" · 1 DELIVERED · "), "{last}");
}

#[test]
fn the_seed_decides() {
    let fingerprint = |seed| {
        let ended = sim(&["run", "order_delivered", "--seed", seed, "--json"]);
        let json = object(&ended);
        assert_eq!(json["seed"].to_string(), seed);
        json["fingerprint"].as_str().expect("a text").to_owned()
    };
    assert_eq!(fingerprint("5"), fingerprint("5"));
    assert_ne!(fingerprint("5"), fingerprint("6"));
}

#[test]
fn json_of_a_run_is_one_object() {
    let ended = sim(&["run", "payment_reply_lost", "--json"]);
    let json = object(&ended);
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""));
    has_all_fields(&json);
    assert_eq!((&json["seeds"], &json["orders"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(json["orders_by_status"], serde_json::json!({ "DELIVERED": 1 }));
    assert_eq!(json["faults_fired"]["reply lost"], 1);
    assert_eq!(json["broken"], serde_json::json!([]));
}

#[test]
fn a_trace_holds_every_event() {
    let file = folder("trace").join("trace.jsonl");
    let path = file.display().to_string();
    let json = object(&sim(&["run", "order_delivered", "--json", "--trace", &path]));
    let trace = fs::read_to_string(&file).expect("it was written");
    assert_eq!(json["events"], trace.lines().count());
    for line in trace.lines() {
        let event: Value = serde_json::from_str(line).expect("a line is an object");
        assert!(event["at"].is_f64() && event["kind"].is_string(), "{line}");
    }
}

/// Nothing more than what is printed is needed to see it again.
#[test]
fn what_broke_can_be_replayed() {
    let path = write("broken", &format!("{GOOD}[expect]\norders = {{ FAILED = 1 }}\n"));
    let ended = sim(&["run", &path, "--seed", "48213"]);
    assert_eq!(ended.code, 1, "{}{}", ended.output, ended.complaints);
    let mut lines = ended.output.lines().skip_while(|line| !line.starts_with("BROKEN  "));
    assert_eq!(lines.next(), Some("BROKEN  expected"));
    let replay = lines.find_map(|line| line.strip_prefix("replay  cargo sim ")).expect("a replay");
    assert_eq!(replay, format!("run {path} --seed 48213"));
    let shrink = lines.next().and_then(|line| line.strip_prefix("shrink  cargo sim "));
    assert_eq!(shrink, Some(&*format!("shrink {path} --seed 48213")));
    let again = sim(&replay.split(' ').collect::<Vec<_>>());
    assert_eq!((again.code, &again.output), (1, &ended.output));

    let json = object(&sim(&["run", &path, "--seed", "48213", "--json"]));
    assert_eq!(json["broken"][0]["seed"], 48213);
    assert_eq!(json["broken"][0]["invariant"], "expected");
    assert_eq!(json["broken"][0]["replay"], format!("cargo sim {replay}"));
}

/// What is wrong with a scenario, and how the complaint goes on after the file's name.
const MISTAKES: [(&str, &str, &str, &str); 5] = [
    ("unknown_key", "seed  =", "seeds =", ":2:1: unknown field `seeds`, expected one of"),
    ("unknown_sku", "teapot = 2", "kettle = 2", ":8:33: sku \"kettle\": expected teapot"),
    (
        "unknown_node",
        "[[customer]]",
        "[[fault]]\ncrash = \"store-3\"\nat = \"1s\"\nrestart = \"1s\"\n\n[[customer]]",
        ":8:9: node \"store-3\": expected store, store-1,",
    ),
    (
        "silent_pair",
        "[[customer]]",
        "[[fault]]\ncut = \"bank -> warehouse\"\nuntil = \"1s\"\n\n[[customer]]",
        ":8:7: a fault that cannot fire: bank never calls warehouse",
    ),
    ("no_toml", "script =", "script =]", ":8:9: "),
];

#[test]
fn mistakes_are_answered_with_their_place() {
    for (name, instead_of, text, complaint) in MISTAKES {
        let bad = GOOD.replacen(instead_of, text, 1);
        assert_ne!(bad, GOOD);
        let path = write(name, &bad);
        for command in ["run", "explore --seeds 2 --scenario", "check --seeds 2 --scenario"] {
            let words: Vec<&str> = command.split(' ').chain([path.as_str()]).collect();
            let ended = sim(&words);
            assert_eq!((ended.code, ended.output.as_str()), (2, ""), "{name}, {command}");
            let (_, told) = ended.complaints.split_once(&format!("{name}.toml")).expect(name);
            assert!(told.starts_with(complaint), "{command}: {}", ended.complaints);
        }
    }
}

#[test]
fn a_fault_that_did_not_fire_is_no_success() {
    let fault = "[[fault]]\nreply_lost = \"store -> bank\"\nof = \"refund\"\n";
    let path = write("unfired", &format!("{GOOD}{fault}"));
    let ended = sim(&["run", &path]);
    assert_eq!(ended.code, 2, "{}", ended.output);
    assert!(ended.complaints.contains("unfired.toml"), "{}", ended.complaints);
    let words = "this fault did not fire: reply lost store -> bank: refund at any time (line ";
    assert!(ended.complaints.contains(words), "{}", ended.complaints);
    assert!(ended.output.contains(" · 1 DELIVERED · "), "{}", ended.output);
}

#[test]
fn what_does_not_exist_is_refused() {
    let ended = sim(&["run", "no_such_scenario"]);
    assert_eq!((ended.code, ended.output.as_str()), (2, ""));
    assert!(ended.complaints.starts_with("error: no_such_scenario: no such scenario: expected"));
    assert!(ended.complaints.contains("payment_reply_lost"), "{}", ended.complaints);
    for words in [&["dance"][..], &["run"], &["explore", "--seeds", "many"], &["list", "cats"]] {
        let ended = sim(words);
        assert_eq!((ended.code, ended.output.as_str()), (2, ""), "{words:?}");
        assert!(ended.complaints.starts_with("error: "), "{}", ended.complaints);
    }
}

#[test]
fn the_registries_are_listed() {
    let ended = sim(&["list"]);
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""));
    for words in ["scenarios\n", "payment_reply_lost", "one debit, one refund", "reply lost"] {
        assert!(ended.output.contains(words), "{words} is not in {}", ended.output);
    }
    let json = object(&sim(&["list", "--json"]));
    for registry in ["scenarios", "faults", "invariants", "moments", "sometimes", "bugs"] {
        let entries = json[registry].as_array().expect(registry);
        assert!(entries.len() >= 10, "{registry}: {} entries", entries.len());
        assert!(entries.iter().all(|entry| entry["name"].is_string() && entry["says"].is_string()));
        let alone = object(&sim(&["list", registry, "--json"]));
        assert_eq!(alone[registry], json[registry]);
    }
}
