//! Which package may stand on which: data and effects flow one way, and the seams stay seams.
//!
//! The rule is the table of packages in `ARCHITECTURE.md`; so that page is true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::source::{read, root};
use super::words::BELOW;

/// What every package begins its name with, but for the command's own.
const PREFIX: &str = "stormproof-";

/// A package, and those of the workspace that it uses when it is built.
type Packages = BTreeMap<String, BTreeSet<String>>;

#[test]
fn packages_stand_on_what_the_page_says() {
    let (told, found) = (told(&read(&root().join("ARCHITECTURE.md"))), packages());
    assert!(told.len() > 10, "the page has a table of packages");
    assert_eq!(told, found, "left: the table of ARCHITECTURE.md, right: the manifests");
}

/// The rows of the page's table: the first cell is a package, the fourth what it stands on.
fn told(page: &str) -> Packages {
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.strip_prefix("`stormproof")?.strip_suffix('`')?;
        let uses = cells.get(4)?.split(", ").filter(|word| *word != "nothing");
        let uses = uses.map(|word| format!("{PREFIX}{word}")).collect();
        Some((format!("stormproof{name}"), uses))
    });
    rows.collect()
}

/// What the manifests say. What tests use beside that is theirs.
fn packages() -> Packages {
    let packages = manifests().into_iter().map(|package| {
        let uses = list(&package["dependencies"]).into_iter();
        let uses = uses.filter(|used| used["kind"].is_null()).map(|used| text(&used["name"]));
        (text(&package["name"]), uses.filter(|name| name.starts_with(PREFIX)).collect())
    });
    packages.collect()
}

/// The packages of the workspace, as cargo reads them.
fn manifests() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or("cargo".into());
    let asked = ["metadata", "--offline", "--no-deps", "--format-version", "1"];
    let output = Command::new(cargo).current_dir(root()).args(asked).output();
    let output = output.expect("cargo runs the tests, so it is there");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo answers JSON");
    list(&metadata["packages"])
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Others get what knows no shop, all of it and nothing else.
#[test]
fn what_is_published_lies_below_the_shop() {
    let published = manifests().into_iter().filter(|package| package["publish"] != json!([]));
    let manifest = |package: Value| PathBuf::from(text(&package["manifest_path"]));
    let published: BTreeSet<PathBuf> = published.map(manifest).collect();
    let below = BELOW.iter().map(|folder| root().join(folder).join("Cargo.toml"));
    let below: BTreeSet<PathBuf> = below.collect();
    assert_eq!(published, below, "left: published, right: what knows no shop");
}
