//! Planted bugs: realistic mistakes as data, each a patch file in `sim/bugs/`.
//!
//! `header.rs` is what a patch says of itself, `diff.rs` what it changes; `geometric.rs` is what
//! seeds until detection come to, `record.rs` the table of a measurement that is kept. Patches are
//! applied to a copy of the tree: the product bears no trace of them.

pub mod diff;
pub mod geometric;
pub mod header;
pub mod record;

use std::path::{Path, PathBuf};

use crate::shop::scenario::{Mistake, files, one_of};
use diff::Diff;
use header::Header;

/// What every patch file ends with.
const EXTENSION: &str = "patch";

/// A mistake that can be planted.
#[derive(Clone, Debug)]
pub struct Bug {
    /// The file's stem.
    pub name: String,
    pub header: Header,
    pub diff: Diff,
}

impl Bug {
    /// Reads a patch; `file` is named in mistakes, its stem names the bug.
    ///
    /// # Errors
    /// If header or diff are not well formed: says where, and what was expected.
    pub fn parse(file: &str, text: &str) -> Result<Bug, Mistake> {
        let head = diff::begins(text).ok_or_else(|| {
            Mistake::of(file, "changes nothing: expected `--- a/<file>` after the header")
        })?;
        Ok(Bug {
            name: files::stem(file).to_owned(),
            header: Header::parse(file, &text[..head])?,
            diff: Diff::parse(file, text, head)?,
        })
    }
}

/// Where the patches are: beside `scenarios/`, in `sim/bugs/`.
pub fn folder() -> Option<PathBuf> {
    Some(files::folder()?.parent()?.join("sim/bugs"))
}

/// Every bug, by name.
///
/// # Errors
/// The first patch that cannot be read.
pub fn all() -> Result<Vec<Bug>, Mistake> {
    let folder = folder().ok_or_else(|| Mistake::of("sim/bugs", "there is no such folder"))?;
    let wrong = |error| Mistake::of("sim/bugs", format!("cannot be listed: {error}"));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(wrong)? {
        paths.push(entry.map_err(wrong)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort();
    paths.iter().map(|path| load(path)).collect()
}

fn load(path: &Path) -> Result<Bug, Mistake> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let shown = format!("sim/bugs/{name}");
    let text = std::fs::read_to_string(path)
        .map_err(|error| Mistake::of(&shown, format!("cannot be read: {error}")))?;
    Bug::parse(&shown, &text)
}

/// The bugs of these names, in the order of `all`; all of them, if no name is given.
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
