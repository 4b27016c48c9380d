//! Mutants of code, all of them in one program.
//!
//! Sources are copied so that each place where something can be changed asks a switch first
//! ([`stormproof_ports::mutation`]): `(if on(7) { a <= b } else { a < b })`. All mutants are built at once, and one
//! is run by setting its switch. `modules` finds the sources that are built without tests, `sites` the places in
//! them, `rewrite` makes the copy, and `refusals` finds the mutants in it that the compiler will not have: they
//! are taken out, and the rest is built.

mod modules;
mod refusals;
mod rewrite;
mod sites;
#[cfg(test)]
mod tests;
mod variants;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub use refusals::{Complaint, complaints};
use rewrite::Rewritten;
use sites::Site;
use variants::Variants;

use super::{Mutant, MutantKind, name_of};
use crate::bugs::MutatedCrate;

/// The file of the switches.
const SWITCHES: &str = "mutation.rs";

/// The sources of a system with everything in them that can be changed.
pub struct Code {
    files: Vec<SourceFile>,
    mutants: Vec<Mutant>,
    /// The mutants that do not compile, by their switches.
    refused: BTreeSet<u32>,
}

/// A file of code.
struct SourceFile {
    /// From the workspace on.
    path: String,
    text: String,
    sites: Vec<Site>,
    /// The switch of its first site; others follow.
    first: u32,
    /// The module of the switches, as this crate knows it.
    switches: &'static str,
}

impl Code {
    /// Reads some crates, and finds what can be changed.
    ///
    /// # Errors
    /// If a file cannot be read, or is no Rust.
    pub fn read(workspace: &Path, crates: &[MutatedCrate]) -> Result<Code, String> {
        let mut parsed = Vec::new();
        for MutatedCrate { root, spared } in crates {
            modules::follow(workspace, root, spared, &mut parsed)?;
        }
        // Where the switches are made is nothing to be switched.
        let own = parsed.iter().position(|(path, ..)| path.ends_with(SWITCHES));
        let own = own.map(|place| parsed.remove(place).0.replace(SWITCHES, "")).unwrap_or_default();
        let variants = Variants::of(parsed.iter().map(|(_, _, file)| file));
        let (mut files, mut mutants, mut names) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (path, text, file) in parsed {
            let sites = sites::of(&text, &file, &variants);
            let first = u32::try_from(mutants.len()).expect("a few thousand") + 1;
            for (switch, site) in (first..).zip(&sites) {
                let key = format!("{path}\0{}\0{}\0{}", site.function, site.kind.word(), site.what);
                let number: &mut usize = names.entry(key.clone()).or_default();
                *number += 1;
                mutants.push(Mutant {
                    id: name_of(&format!("{key}\0{number}")),
                    kind: site.kind,
                    databases: Vec::new(),
                    place: path.clone(),
                    is_migration: false,
                    statement: site.function.clone(),
                    what: site.what.clone(),
                    pairs: Vec::new(),
                    switch: Some(switch),
                });
            }
            let is_own = !own.is_empty() && path.starts_with(&own);
            let switches = if is_own { "crate::mutation" } else { "::stormproof_ports::mutation" };
            files.push(SourceFile { path, text, sites, first, switches });
        }
        Ok(Code { files, mutants, refused: BTreeSet::new() })
    }

    /// Every mutant, file by file, and the names of those among them that do not compile.
    pub fn into_mutants(self) -> (Vec<Mutant>, BTreeMap<String, String>) {
        let why = || "it does not compile".to_owned();
        let is_refused = |it: &&Mutant| it.switch.is_some_and(|it| self.refused.contains(&it));
        let refused = self.mutants.iter().filter(is_refused);
        let refused = refused.map(|mutant| (mutant.id.clone(), why())).collect();
        (self.mutants, refused)
    }

    /// How many mutants there are in the copy.
    pub fn count(&self) -> usize {
        self.mutants.len() - self.refused.len()
    }

    /// Leaves out those of these names: they did not compile before.
    pub fn refuse_named(&mut self, names: &BTreeSet<String>) {
        let named = self.mutants.iter().filter(|mutant| names.contains(&mutant.id));
        self.refused.extend(named.filter_map(|mutant| mutant.switch));
    }

    /// The sources with a switch before each mutant that is not refused.
    pub fn copied(&self) -> BTreeMap<String, Vec<u8>> {
        let copy =
            |source: &SourceFile| (source.path.clone(), self.rewritten(source).text.into_bytes());
        self.files.iter().map(copy).collect()
    }

    /// Takes out the mutants that the compiler complains of. Returns how many they are: 0, if what it complains
    /// of is none.
    pub fn refuse(&mut self, complaints: &[Complaint]) -> usize {
        let mut guilty = BTreeSet::new();
        for source in &self.files {
            let of_file = |it: &&Complaint| it.places.iter().any(|place| place.file == source.path);
            let mut complaints = complaints.iter().filter(of_file).peekable();
            if complaints.peek().is_none() {
                continue;
            }
            let rewritten = self.rewritten(source);
            for complaint in complaints {
                match &refusals::guilty(&rewritten, &source.path, complaint)[..] {
                    [] => guilty.extend(self.of_function(
                        source,
                        refusals::nearest(&rewritten, &source.path, complaint),
                    )),
                    switches => guilty.extend(switches),
                }
            }
        }
        let before = self.refused.len();
        self.refused.extend(&guilty);
        self.refused.len() - before
    }

    /// All mutants of the function that `switch` is in.
    fn of_function(&self, source: &SourceFile, switch: Option<u32>) -> Vec<u32> {
        let Some(site) = switch.map(|switch| &source.sites[(switch - source.first) as usize])
        else {
            return Vec::new();
        };
        let alike = |(_, other): &(u32, &Site)| other.function == site.function;
        (source.first..).zip(&source.sites).filter(alike).map(|(switch, _)| switch).collect()
    }

    fn rewritten(&self, source: &SourceFile) -> Rewritten {
        let sites = (source.first..).zip(&source.sites);
        let sites = sites.filter(|(switch, _)| !self.refused.contains(switch));
        rewrite::rewrite(&source.text, source.switches, sites)
    }
}
