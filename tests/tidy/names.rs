//! One word for one thing: a type's name that many types bear says nothing any more.

use std::collections::BTreeMap;

use super::source::{sources, without_tests};

/// What every module may have its own of: how it fails, and what a command is told.
const COMMON: [&str; 2] = ["Error", "Arguments"];

/// More types than this may not share a name.
const SAME_NAME_MAX: usize = 3;

#[test]
fn no_name_stands_for_many_types() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        for name in without_tests(&source.text).lines().filter_map(defined) {
            places.entry(name.to_owned()).or_default().push(source.shown());
        }
    }
    places.retain(|name, places| places.len() > SAME_NAME_MAX && !COMMON.contains(&&**name));
    assert!(places.is_empty(), "names of more than {SAME_NAME_MAX} types: {places:#?}");
}

/// The type that a line defines. Associated types are no definitions: their trait names them.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) => rest
            .strip_prefix('(')
            .map_or(rest, |rest| rest.split_once(')').map_or(rest, |(_, rest)| rest)),
        None => line,
    };
    let mut words = line.split_whitespace();
    if !matches!(words.next()?, "struct" | "enum" | "trait" | "union") {
        return None;
    }
    let name = words.next()?.split(|letter: char| !letter.is_alphanumeric()).next()?;
    name.starts_with(|letter: char| letter.is_ascii_uppercase()).then_some(name)
}

#[test]
fn definitions_are_told_from_uses() {
    assert_eq!(defined("pub(crate) struct Line<'a> {"), Some("Line"));
    assert_eq!(defined("    enum Verdict {"), Some("Verdict"));
    assert_eq!(defined("pub trait System: Send {"), Some("System"));
    assert_eq!(defined("    type Database = Any;"), None);
    assert_eq!(defined("let structure = State::new();"), None);
}
