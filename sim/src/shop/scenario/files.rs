//! Where scenario files are: `scenarios/` and `scenarios/regressions/`.
//!
//! The folder is looked for upward from the current directory, then where this package was built.

use std::path::{Path, PathBuf};

use super::{Mistake, Scenario};

/// The name of the folder.
const FOLDER: &str = "scenarios";

/// The folder of scenario files, if there is one.
pub fn folder() -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let upward = here.iter().flat_map(|here| here.ancestors()).map(|parent| parent.join(FOLDER));
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(|parent| parent.join(FOLDER));
    upward.chain(built).find(|folder| folder.is_dir())
}

/// Every scenario file, by name.
pub fn all() -> Vec<PathBuf> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut files: Vec<PathBuf> = [folder.join("regressions"), folder]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

/// Reads every scenario file, by name.
pub fn load_all() -> Result<Vec<Scenario>, Mistake> {
    all().iter().map(|path| load(&path.display().to_string())).collect()
}

/// Reads a scenario: a path to a file, or the stem of one in the folder.
pub fn load(name: &str) -> Result<Scenario, Mistake> {
    let path = match Path::new(name) {
        path if path.is_file() => path.to_owned(),
        _ => find(name)?,
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Mistake::of(shown(&path), format!("cannot be read: {error}")))?;
    Scenario::parse(&shown(&path), &text)
}

/// The stem of a file's path.
pub fn stem(file: &str) -> &str {
    Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file)
}

fn find(name: &str) -> Result<PathBuf, Mistake> {
    let all = all();
    let fits = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == name);
    all.iter().find(fits).cloned().ok_or_else(|| {
        let known: Vec<_> = all.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
        Mistake::of(name, format!("no such scenario: expected a file, or {}", super::one_of(known)))
    })
}

/// The path as people know it: from the folder on.
fn shown(path: &Path) -> String {
    let parent = folder().and_then(|folder| folder.parent().map(Path::to_owned));
    let short = parent.and_then(|parent| path.strip_prefix(parent).ok().map(Path::to_owned));
    short.as_deref().unwrap_or(path).display().to_string()
}
