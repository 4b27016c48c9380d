//! Rules of the house that matter enough to be tests.

mod circles;
mod crates;
mod names;
mod source;
mod transactions;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use source::{files, read, root};

fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    files(folder, extension).into_iter().map(stem).collect()
}

#[test]
fn every_scenario_has_a_snapshot_and_the_reverse() {
    let scenarios = stems(&root().join("scenarios"), "toml");
    let snapshots = stems(&root().join("snapshots"), "snap");
    assert_eq!(scenarios, snapshots);
}

/// The story of a scenario is read by people: it ends within about a page.
#[test]
fn no_snapshot_is_longer_than_a_page() {
    for snapshot in files(&root().join("snapshots"), "snap") {
        let lines = read(&snapshot).lines().count();
        assert!(lines <= 75, "{}: {lines} lines", snapshot.display());
    }
}

/// A path in a document, in backquotes, is one that exists: from the workspace's folder on, or from the
/// document's own.
#[test]
fn every_path_named_in_a_document_exists() {
    let extensions = [".rs", ".toml", ".md", ".sql", ".snap", "/"];
    for document in files(&root(), "md") {
        for quoted in read(&document).split('`').skip(1).step_by(2) {
            let is_path = quoted.contains('/')
                && extensions.iter().any(|extension| quoted.ends_with(extension))
                && !quoted.contains([' ', '*', '<', '{', '$'])
                && !quoted.starts_with('/')
                && !quoted.starts_with("target/")
                && !quoted.contains("://");
            if is_path {
                let own = document.parent().expect("a file lies in a folder").join(quoted);
                let exists = root().join(quoted).exists() || own.exists();
                assert!(exists, "{}: {quoted}", document.display());
            }
        }
    }
}

/// The shop knows no runtime, no clock, no entropy, and no order that differs from run to run.
#[test]
fn the_shop_stays_pure() {
    let forbidden = [
        "tokio",
        "madsim",
        "cfg(madsim",
        "SystemTime",
        "Instant::now",
        "HashMap",
        "HashSet",
        "rand::",
        "std::thread",
        "std::fs",
        "std::net",
        "std::env",
    ];
    for source in files(&root().join("system"), "rs") {
        for (number, line) in read(&source).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in forbidden {
                assert!(!code.contains(word), "{}:{}: {word}", source.display(), number + 1);
            }
        }
    }
}

/// SQL is written in mappers, in what messages need, in alerts, and where databases are held to their
/// contract.
#[test]
fn sql_is_written_in_mappers_only() {
    let shared = ["alert.rs"];
    for source in files(&root().join("system"), "rs") {
        let path = source.to_string_lossy().into_owned();
        let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let allowed = path.contains("mapper")
            || path.contains("system/messaging/src")
            || path.contains("ports/src/contract/database")
            || shared.contains(&name.as_str());
        let holds_sql = read(&source).contains("sqlx::query");
        assert!(allowed || !holds_sql, "{path} holds SQL");
    }
}

/// A file is a sitting.
#[test]
fn no_source_file_is_too_long() {
    for folder in ["system", "sim", "src", "tests"] {
        for source in files(&root().join(folder), "rs") {
            let lines = read(&source).lines().count();
            assert!(lines <= 400, "{}: {lines} lines", source.display());
        }
    }
}

/// A file opens with what it does.
#[test]
fn every_source_file_says_what_it_does() {
    for folder in ["system", "sim", "src", "tests"] {
        for source in files(&root().join(folder), "rs") {
            assert!(read(&source).starts_with("//!"), "{}", source.display());
        }
    }
}

/// A module that has a folder is that folder's `mod.rs`.
#[test]
fn modules_are_written_in_one_style() {
    for folder in ["system", "sim", "src", "tests"] {
        for source in files(&root().join(folder), "rs") {
            let beside = source.with_extension("");
            assert!(
                !beside.is_dir(),
                "{}: move it to {}/mod.rs",
                source.display(),
                beside.display()
            );
        }
    }
}

/// The command line knows the commands; none of them knows it back.
#[test]
fn nobody_imports_the_command_line() {
    for source in files(&root().join("src"), "rs") {
        for (number, line) in read(&source).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            assert!(!code.contains("crate::cli"), "{}:{}", source.display(), number + 1);
        }
    }
}

/// The bindings serve any application: neither the shop nor a simulator is among what they link.
#[test]
fn the_bindings_know_no_shop() {
    let tree = tree("stormproof-bindings");
    assert!(tree.contains("stormproof-ports "), "{tree}");
    for package in ["stormproof-system ", "stormproof-sim ", "stormproof-world ", "madsim "] {
        assert!(!tree.lines().any(|line| line.starts_with(package)), "{tree}");
    }
}

/// What `package` is built of, a line each.
fn tree(package: &str) -> String {
    let cargo = std::env::var("CARGO").unwrap_or("cargo".into());
    let asked = ["tree", "--offline", "--package", package, "--edges", "normal", "--prefix"];
    let tree = Command::new(cargo).current_dir(root()).args(asked).arg("none").output();
    let tree = tree.expect("cargo runs the tests, so it is there");
    let words = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{words}");
    String::from_utf8_lossy(&tree.stdout).into_owned()
}

/// What people run holds nothing of the simulator: `stormproof` takes from `sim` only what knows no
/// world. Its SQLite is driven by the very code that a world tries.
#[test]
fn the_binary_links_no_simulator() {
    let tree = tree("stormproof");
    assert!(tree.contains("stormproof-shop "), "{tree}");
    for simulator in ["madsim ", "madsim-", "stormproof-world ", "stormproof-explore "] {
        assert!(!tree.lines().any(|line| line.starts_with(simulator)), "{tree}");
    }
}
