//! Folders stand on each other, never in a circle: who reads one has read what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::source::{Source, code, root, sources, without_tests};

/// The modules of one package, by their paths: `["world", "node"]`.
type Modules = BTreeMap<Vec<String>, PathBuf>;

/// Which folder uses something of which others.
type Arrows = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

#[test]
fn no_folders_use_each_other() {
    let mut circles = Vec::new();
    let sources = sources();
    let packages: BTreeSet<PathBuf> = sources.iter().map(|it| package(&it.path)).collect();
    for package in packages {
        let own: Vec<&Source> =
            sources.iter().filter(|it| self::package(&it.path) == package).collect();
        let arrows = arrows(&package, &own);
        let reached: BTreeMap<_, _> =
            arrows.keys().map(|from| (from, reach(&arrows, from))).collect();
        for (from, to) in &reached {
            let back = to
                .iter()
                .filter(|to| *from < *to && reached.get(to).is_some_and(|it| it.contains(*from)));
            circles.extend(back.map(|to| format!("{} and {}", shown(from), shown(to))));
        }
    }
    assert!(circles.is_empty(), "folders that use each other: {circles:#?}");
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The folder in which a package's root module lies: the nearest with a `lib.rs` or `main.rs`, and of what runs while
/// it is built the nearest with a `Cargo.toml`.
fn package(path: &Path) -> PathBuf {
    let mut above = path.ancestors().skip(1);
    let is_root = |folder: &&Path| {
        ["lib.rs", "main.rs", "Cargo.toml"].iter().any(|name| folder.join(name).exists())
    };
    above.find(is_root).expect("every source belongs to a package").to_owned()
}

/// Folders that use each other's modules. A folder and one inside it are one thing, told in parts.
fn arrows(package: &Path, sources: &[&Source]) -> Arrows {
    let modules: Modules =
        sources.iter().map(|it| (module(package, &it.path), it.path.clone())).collect();
    let mut arrows = Arrows::new();
    for source in sources {
        let from = source.path.parent().expect("a file lies in a folder");
        for used in used(without_tests(&source.text)) {
            let mut used = used;
            while !modules.contains_key(&used) && used.pop().is_some() {}
            let Some(to) = modules.get(&used).and_then(|path| path.parent()) else { continue };
            if !from.starts_with(to) && !to.starts_with(from) {
                arrows.entry(from.to_owned()).or_default().insert(to.to_owned());
            }
        }
    }
    arrows
}

/// The path of the module that a file is.
fn module(package: &Path, path: &Path) -> Vec<String> {
    let inside = path.strip_prefix(package).expect("it lies in its package").with_extension("");
    let mut parts: Vec<String> =
        inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
    parts
}

/// Every path below `crate::` that a text names, as far as it may be one of modules.
fn used(text: &str) -> BTreeSet<Vec<String>> {
    let text: String = text.lines().map(code).collect::<Vec<_>>().join("\n");
    let mut used = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split(';').next().unwrap_or_default();
                used.extend(group.split(',').map(|part| segments(part.trim())));
            }
            None => {
                used.insert(segments(rest));
            }
        }
    }
    used
}

/// The leading names of a path: `["ports", "queue"]` of `ports::queue::Line`.
fn segments(path: &str) -> Vec<String> {
    let is_module = |part: &&str| {
        !part.is_empty()
            && part.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_')
    };
    let path = path.split(|it: char| !(it.is_alphanumeric() || it == '_' || it == ':')).next();
    let parts = path.unwrap_or_default().split("::");
    parts.take_while(is_module).map(str::to_owned).collect()
}

fn reach(arrows: &Arrows, from: &Path) -> BTreeSet<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(folder) = next.pop() {
        for to in arrows.get(&folder).into_iter().flatten() {
            if reached.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    reached
}

#[test]
fn paths_are_read_out_of_code() {
    let text =
        "use crate::ports::queue::Line; // crate::never\nuse crate::{World, lock, node::Role};\n";
    let found = used(text);
    let expected = [vec![], vec!["lock"], vec!["node"], vec!["ports", "queue"]];
    let expected = expected.map(|path| path.into_iter().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}
