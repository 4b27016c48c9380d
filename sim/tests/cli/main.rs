//! `cargo sim` as its users see it: what it prints, what it complains of, and how it exits.
//!
//! Here and not with the project's other tests, for only a package's own tests know its binary.

mod bugs;
mod doctor;
mod explore;
mod mutate;
mod run;
mod shrink;
mod sweep;

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
