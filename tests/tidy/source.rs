//! The project's sources, as rules look at them.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with this extension, without the build's output.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).expect("the folder is part of the tree");
    for entry in entries {
        let path = entry.expect("the folder can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != ".git" {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file's text.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A source file that is no test.
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    /// Its path as people say it.
    pub fn shown(&self) -> String {
        self.path.strip_prefix(root()).unwrap_or(&self.path).display().to_string()
    }
}

/// Every source file of the packages but their tests.
pub fn sources() -> Vec<Source> {
    let folders = ["system", "sim", "src"].map(|folder| root().join(folder));
    let sources = folders.iter().flat_map(|folder| files(folder, "rs"));
    let sources = sources.filter(|path| !is_test(path));
    sources.map(|path| Source { text: read(&path), path }).collect()
}

/// Whether a file holds tests only: `tests.rs`, `saga_tests.rs`, `testing/`, a package's `tests/`.
fn is_test(path: &Path) -> bool {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        let stem = part.strip_suffix(".rs").unwrap_or(&part);
        matches!(stem, "tests" | "testing") || stem.ends_with("_tests")
    })
}

/// The text of a file up to its module of tests, which stands last.
pub fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// The code of a line, without its comment.
pub fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}
