//! `cargo sim` as its users see it: what it prints, what it complains of, and how it exits.
//!
//! Here and not with the project's other tests, for only a package's own tests know its binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// How a command ended.
struct Ended {
    code: i32,
    output: String,
    complaints: String,
}

/// The fields of `--json` that every run and exploration has.
const FIELDS: [&str; 10] = [
    "seeds",
    "broken",
    "orders",
    "orders_by_status",
    "virtual_seconds",
    "wall_seconds",
    "events",
    "faults_fired",
    "sometimes",
    "fingerprint",
];

const GOOD: &str = r#"about = "An order is delivered."
seed  = 3

[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]

[[customer]]
script = [ { order = { teapot = 2 } } ]
"#;

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

/// What was recorded of the planted bugs says what clean seeds are worth; nothing is planted here.
#[test]
fn clean_seeds_are_worth_what_the_record_says() {
    let ended = sim(&["bugs", "--clean", "300"]);
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""));
    let heading = "what 300 clean seeds mean, by the planted bugs\n";
    assert!(ended.output.starts_with(heading), "{}", ended.output);
    let found = |seeds| {
        let json = object(&sim(&["bugs", "--clean", seeds, "--json"]));
        let classes = json["classes"].as_array().expect("a list").clone();
        classes.iter().map(|class| class["likely"].as_f64().expect("a share")).sum::<f64>()
    };
    assert!(found("1") < found("30") && found("30") < found("3000"));
}

#[test]
fn bugs_that_there_are_not_are_refused() {
    for command in ["bugs", "run storm --bug", "explore --bug"] {
        let words: Vec<&str> = command.split(' ').chain(["no_such_bug"]).collect();
        let ended = sim(&words);
        assert_eq!((ended.code, ended.output.as_str()), (2, ""), "{command}");
        let expected = "error: no_such_bug: no such bug: expected acks_before_processing, ";
        assert!(ended.complaints.starts_with(expected), "{}", ended.complaints);
    }
}

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
fn a_sweep_covers_every_place_of_a_scenario() {
    let words = ["sweep", "checkout", "--kind", "reply_lost", "confirm_lost", "--json"];
    let ended = sim(&words);
    assert_eq!(ended.code, 0, "{}", ended.complaints);
    let json = object(&ended);
    has_all_fields(&json);
    // Four calls, six messages.
    assert_eq!(
        (&json["seeds"], &json["unfired"], &json["same"]),
        (&10.into(), &0.into(), &0.into())
    );
    let place = &json["coverage"]["store: after call debit"]["reply_lost store -> bank"];
    assert_eq!(*place, "fired", "{}", json["coverage"]);
    assert_eq!(json["faults_fired"]["confirm lost"], 6);
    assert_eq!(json["orders_by_status"]["DELIVERED"], 10);
}

#[test]
fn a_sweep_that_breaks_names_its_faults_and_how_to_see_them_again() {
    let text = format!("{GOOD}[expect]\ndebits = 1\nmails = {{ ordersuccess = 1 }}\n");
    let path = write("swept", &text);
    // A power cut between the mail and its commit has it mailed again, which this file forbids.
    let ended = sim(&["sweep", &path, "--kind", "crash"]);
    assert_eq!(ended.code, 1, "{}", ended.complaints);
    let broken = ended.output.split("BROKEN  ").nth(1).expect("it breaks");
    assert!(broken.starts_with("expected\n"), "{broken}");
    assert!(broken.contains("with crash email after mail of ordersuccess"), "{broken}");
    let replay = broken.lines().find_map(|line| line.strip_prefix("replay  cargo sim "));
    let words: Vec<&str> = replay.expect("it is told").split(' ').collect();
    assert_eq!(sim(&words).code, 1);
}

#[test]
fn a_sweep_of_what_it_cannot_sweep_is_refused() {
    let ended = sim(&["sweep", "checkout", "--kind", "party"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.complaints.contains("--kind party: expected one of crash"),
        "{}",
        ended.complaints
    );
    let path = write("breaks", &format!("{GOOD}[expect]\ndebits = 2\n"));
    let ended = sim(&["sweep", &path]);
    assert_eq!(ended.code, 2);
    assert!(ended.complaints.contains("by itself"), "{}", ended.complaints);
}

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

#[test]
fn a_check_compares_runs() {
    let ended = sim(&["check", "--seeds", "2", "--json"]);
    let json = object(&ended);
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""));
    assert_eq!((&json["seeds"], &json["runs"]), (&Value::from(2), &Value::from(6)));
    assert_eq!(json["differences"], serde_json::json!([]));
    assert!(json["lines"].as_u64() >= Some(1000), "{json}");
}

/// Runs the binary where the project is, with nobody watching.
fn sim(words: &[&str]) -> Ended {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package in a workspace");
    let output = Command::new(env!("CARGO_BIN_EXE_sim")).args(words).current_dir(root).output();
    let output = output.expect("the binary is built");
    let text = |bytes| String::from_utf8(bytes).expect("what is for people is UTF-8");
    Ended {
        code: output.status.code().expect("it ends by itself"),
        output: text(output.stdout),
        complaints: text(output.stderr),
    }
}

/// The one object that is all of the output.
fn object(ended: &Ended) -> Value {
    assert_eq!(ended.output.lines().count(), 1, "{}{}", ended.output, ended.complaints);
    let json: Value = serde_json::from_str(&ended.output).expect("JSON");
    assert!(json.is_object(), "{json}");
    json
}

fn has_all_fields(json: &Value) {
    let missing: Vec<_> = FIELDS.iter().filter(|field| json.get(**field).is_none()).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

/// A folder for one test's files.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    fs::create_dir_all(&folder).expect("cargo's own folder can be written");
    folder
}

/// Writes a scenario file of this name; returns its path.
fn write(name: &str, text: &str) -> String {
    let path = folder(name).join(format!("{name}.toml"));
    fs::write(&path, text).expect("cargo's own folder can be written");
    path.display().to_string()
}
