//! Planted bugs: realistic mistakes as data, each a patch file.
//!
//! `header.rs` is what a patch says of itself, `diff.rs` what it changes; `geometric.rs` is what
//! seeds until detection come to, `record.rs` the table of a measurement that is kept. Patches are
//! applied to a copy of the tree: the product bears no trace of them.

pub mod diff;
pub mod geometric;
pub mod header;
pub mod record;

use std::path::{Path, PathBuf};

use super::entries::Registries;
use diff::Diff;
use header::{Header, Known};
use stormproof_faults::files::{Files, stem};
use stormproof_faults::mistake::{Mistake, one_of};

/// What every patch file ends with.
const EXTENSION: &str = "patch";

/// A mistake that can be planted.
#[derive(Clone, Debug)]
pub struct Bug {
    /// The file's stem.
    pub name: String,
    /// What the patch says of itself.
    pub header: Header,
    /// What it changes.
    pub diff: Diff,
}

/// The bugs of a system: where they are, and what is built of a tree with one of them in it.
#[derive(Clone, Copy, Debug)]
pub struct Patches {
    /// The system's files: its workspace is the tree.
    pub files: Files,
    /// The folder of the patches, from the workspace on.
    pub folder: &'static str,
    /// What a build reads of the workspace, `.cargo` apart: cargo finds the one above the copy.
    pub copied: &'static [&'static str],
    /// The crates whose code is mutated.
    pub mutated: &'static [MutatedCrate],
    /// The package whose command line this is.
    pub package: &'static str,
    /// Its binary.
    pub binary: &'static str,
    /// The cargo profile that it is built with.
    pub profile: &'static str,
    /// What a storm can bring that is no fault of a kind, as headers name it.
    pub circumstances: &'static [&'static str],
    /// The command line, as the record names it.
    pub command: &'static str,
}

/// A crate whose code is mutated.
#[derive(Clone, Copy, Debug)]
pub struct MutatedCrate {
    /// Its `lib.rs`, from the workspace on.
    pub root: &'static str,
    /// Modules of it that are no part of what is served, such as what bindings are held to.
    pub spared: &'static [&'static str],
}

impl Bug {
    /// Reads a patch; `file` is named in mistakes, its stem names the bug.
    ///
    /// # Errors
    /// If header or diff are not well formed: says where, and what was expected.
    pub fn parse(file: &str, text: &str, known: &Known<'_>) -> Result<Bug, Mistake> {
        let head = diff::begins(text).ok_or_else(|| {
            Mistake::of(file, "changes nothing: expected `--- a/<file>` after the header")
        })?;
        Ok(Bug {
            name: stem(file).to_owned(),
            header: Header::parse(file, &text[..head], known)?,
            diff: Diff::parse(file, text, head)?,
        })
    }
}

impl Patches {
    /// Where the patches are, if the workspace is known.
    pub fn folder(&self) -> Option<PathBuf> {
        Some(self.files.folder()?.parent()?.join(self.folder))
    }

    /// Every bug, by name. Headers may name what is in `registries`.
    ///
    /// # Errors
    /// The first patch that cannot be read.
    pub fn all(&self, registries: &Registries) -> Result<Vec<Bug>, Mistake> {
        let missing = || Mistake::of(self.folder, "there is no such folder");
        let folder = self.folder().ok_or_else(missing)?;
        let wrong = |error| Mistake::of(self.folder, format!("cannot be listed: {error}"));
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(wrong)? {
            paths.push(entry.map_err(wrong)?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
        paths.sort();
        let known = Known { registries, circumstances: self.circumstances };
        paths.iter().map(|path| self.load(path, &known)).collect()
    }

    fn load(&self, path: &Path, known: &Known<'_>) -> Result<Bug, Mistake> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let shown = format!("{}/{name}", self.folder);
        let text = std::fs::read_to_string(path)
            .map_err(|error| Mistake::of(&shown, format!("cannot be read: {error}")))?;
        Bug::parse(&shown, &text, known)
    }
}

/// The bugs of these names, in their order in `all`; all of them, if no name is given.
///
/// # Errors
/// If there is no bug of one of the names.
pub fn named(all: Vec<Bug>, names: &[String]) -> Result<Vec<Bug>, Mistake> {
    for name in names {
        if !all.iter().any(|bug| bug.name == *name) {
            let known = all.iter().map(|bug| &bug.name);
            let what = format!("no such bug: expected {}", one_of(known));
            return Err(Mistake::of(name, what));
        }
    }
    let chosen = |bug: &Bug| names.is_empty() || names.contains(&bug.name);
    Ok(all.into_iter().filter(chosen).collect())
}
