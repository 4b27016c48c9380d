//! Where scenario files are: `scenarios/` and `scenarios/regressions/`.
//!
//! The folder is looked for upward from the current directory, then where the system was built.

use std::path::{Path, PathBuf};

use crate::mistake::{Mistake, one_of};

/// The name of the folder.
const FOLDER: &str = "scenarios";

/// The scenario files of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// The folder that its `scenarios/` lies in, on the machine that built it; it need not exist.
    pub built_in: &'static str,
}

impl Files {
    /// The folder of scenario files, if there is one.
    pub fn folder(&self) -> Option<PathBuf> {
        let here = std::env::current_dir().ok();
        let upward = here.iter().flat_map(|here| here.ancestors().map(Path::to_owned));
        let all = upward.chain([PathBuf::from(self.built_in)]).map(|parent| parent.join(FOLDER));
        all.into_iter().find(|folder| folder.is_dir())
    }

    /// The folder above, or the current one.
    pub fn workspace(&self) -> PathBuf {
        self.folder().and_then(|folder| Some(folder.parent()?.to_owned())).unwrap_or_default()
    }

    /// Every scenario file, by name.
    pub fn all(&self) -> Vec<PathBuf> {
        let Some(folder) = self.folder() else { return Vec::new() };
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

    /// Reads a scenario: a path to a file, or the stem of one in the folder. `parse` gets the path
    /// as people know it, and the text.
    ///
    /// # Errors
    /// If there is no such file, it cannot be read, or `parse` finds a mistake.
    pub fn load<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str, &str) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        let path = match Path::new(name) {
            path if path.is_file() => path.to_owned(),
            _ => self.find(name)?,
        };
        let shown = self.shown(&path);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Mistake::of(&shown, format!("cannot be read: {error}")))?;
        parse(&shown, &text)
    }

    fn find(&self, name: &str) -> Result<PathBuf, Mistake> {
        let all = self.all();
        let fits = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == name);
        all.iter().find(fits).cloned().ok_or_else(|| {
            let known: Vec<_> = all.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
            Mistake::of(name, format!("no such scenario: expected a file, or {}", one_of(known)))
        })
    }

    /// The path as people know it: from the workspace on.
    fn shown(&self, path: &Path) -> String {
        let parent = self.folder().and_then(|folder| folder.parent().map(Path::to_owned));
        let short = parent.and_then(|parent| path.strip_prefix(parent).ok().map(Path::to_owned));
        short.as_deref().unwrap_or(path).display().to_string()
    }
}

/// The stem of a file's path.
pub fn stem(file: &str) -> &str {
    Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file)
}
