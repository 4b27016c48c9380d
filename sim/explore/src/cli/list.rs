//! `cargo sim list`: the registries.

use std::collections::BTreeMap;

use super::Verdict;
use super::arguments::List;
use super::terminal;
use crate::System;
use crate::registries::{Entry, Registry};

/// Prints one registry, or all.
pub fn list(system: &impl System, asked: &List, json: bool) -> Result<Verdict, String> {
    let chosen = match asked.registry {
        Some(registry) => vec![registry],
        None => Registry::ALL.to_vec(),
    };
    let registries = chosen.into_iter().map(|registry| (registry.word(), registry.entries(system)));
    match json {
        true => terminal::print_json(&registries.collect::<BTreeMap<_, _>>())?,
        false => {
            let tables = registries.filter(|(_, entries)| !entries.is_empty());
            let tables: Vec<String> =
                tables.map(|(heading, entries)| text(heading, &entries)).collect();
            terminal::print(&tables.join("\n"))?;
        }
    }
    Ok(Verdict::Held)
}

fn text(heading: &str, entries: &[Entry]) -> String {
    let plain = |entry: &Entry| [entry.name.clone(), entry.says.clone()];
    let judged = |entry: &Entry| {
        [entry.name.clone(), entry.when.clone().unwrap_or_default(), entry.says.clone()]
    };
    match entries.iter().any(|entry| entry.when.is_some()) {
        true => terminal::table(heading, &entries.iter().map(judged).collect::<Vec<_>>()),
        false => terminal::table(heading, &entries.iter().map(plain).collect::<Vec<_>>()),
    }
}
