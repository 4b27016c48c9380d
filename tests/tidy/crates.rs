//! Which package may stand on which: data and effects flow one way, and the seams stay seams.
//!
//! The rule is the table of packages in `ARCHITECTURE.md`; so that page is true.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::source::{read, root};

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
    let cargo = std::env::var("CARGO").unwrap_or("cargo".into());
    let asked = ["metadata", "--offline", "--no-deps", "--format-version", "1"];
    let output = Command::new(cargo).current_dir(root()).args(asked).output();
    let output = output.expect("cargo runs the tests, so it is there");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo answers JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = list(&metadata["packages"]).into_iter().map(|package| {
        let uses = list(&package["dependencies"]).into_iter();
        let uses = uses.filter(|used| used["kind"].is_null()).map(|used| text(&used["name"]));
        (text(&package["name"]), uses.filter(|name| name.starts_with(PREFIX)).collect())
    });
    packages.collect()
}
