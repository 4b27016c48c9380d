//! Where the shop's scenario files are, and how they are read.

use std::path::PathBuf;

use super::{Mistake, Scenario};
use stormproof_faults::files::Files;
pub use stormproof_faults::files::stem;

/// The files of the shop.
pub const FILES: Files = Files { built_in: concat!(env!("CARGO_MANIFEST_DIR"), "/..") };

/// The folder of scenario files, if there is one.
pub fn folder() -> Option<PathBuf> {
    FILES.folder()
}

/// Every scenario file, by name.
pub fn all() -> Vec<PathBuf> {
    FILES.all()
}

/// Reads every scenario file, by name.
///
/// # Errors
/// The first mistake.
pub fn load_all() -> Result<Vec<Scenario>, Mistake> {
    all().iter().map(|path| load(&path.display().to_string())).collect()
}

/// Reads a scenario: a path to a file, or the stem of one in the folder.
///
/// # Errors
/// If there is no such scenario or it has a mistake: says where, and what was expected.
pub fn load(name: &str) -> Result<Scenario, Mistake> {
    FILES.load(name, Scenario::parse)
}
