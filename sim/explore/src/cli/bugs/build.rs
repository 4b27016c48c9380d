//! Where bugs are planted, and mutants: a copy of the tree below `target/`, and what is built of it.
//!
//! There is one copy, brought from bug to bug by writing only the files that differ, so that each
//! build does only what the bug changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::bugs::{Bug, Patches};
use crate::mutants::code::{Complaint, complaints};

/// As many of a failed build's last lines are shown.
const LINES: usize = 25;

/// A tree that may be spoilt.
pub struct Build {
    patches: Patches,
    workspace: PathBuf,
    tree: PathBuf,
    target: PathBuf,
}

impl Build {
    /// The builds of this system's tree.
    pub fn of(patches: Patches) -> Build {
        let workspace = patches.files.workspace();
        let below = workspace.join("target/sim/bugs");
        Build { patches, workspace, tree: below.join("tree"), target: below.join("target") }
    }

    /// What is built here.
    pub fn program(&self) -> PathBuf {
        self.target.join(self.patches.profile).join(self.patches.binary)
    }

    /// Builds the simulator with `bug` planted in it, or clean; returns the program.
    ///
    /// # Errors
    /// If the patch does not apply or what it makes does not compile.
    pub fn plant(&self, bug: Option<&Bug>) -> Result<PathBuf, String> {
        let mut wanted = BTreeMap::new();
        if let Some(bug) = bug {
            let read = |path: &str| fs::read_to_string(self.workspace.join(path)).ok();
            let changed = bug.diff.apply(read).map_err(|mistake| mistake.to_string())?;
            wanted.extend(changed.into_iter().map(|(path, text)| (path, text.into_bytes())));
        }
        self.copy(wanted)?;
        let built = self.cargo(&[])?;
        if built.status.success() {
            return Ok(self.program());
        }
        let complaints = String::from_utf8_lossy(&built.stderr);
        let lines: Vec<&str> = complaints.lines().collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
        Err(format!("does not compile:\n{last}"))
    }

    /// Builds the simulator with other texts for some files; returns the program, or else what the compiler
    /// complains of.
    ///
    /// # Errors
    /// If the tree cannot be copied, or there is no cargo.
    pub fn compile(
        &self,
        wanted: BTreeMap<String, Vec<u8>>,
    ) -> Result<Result<PathBuf, Vec<Complaint>>, String> {
        self.copy(wanted)?;
        let built = self.cargo(&["--message-format=json", "--keep-going"])?;
        Ok(match built.status.success() {
            true => Ok(self.program()),
            false => Err(complaints(&String::from_utf8_lossy(&built.stdout))),
        })
    }

    fn copy(&self, wanted: BTreeMap<String, Vec<u8>>) -> Result<(), String> {
        let cannot = |error| format!("cannot copy the tree to {}: {error}", self.tree.display());
        self.write(wanted).map_err(cannot)
    }

    /// Makes the copy be the workspace, but for the files `wanted`.
    fn write(&self, mut wanted: BTreeMap<String, Vec<u8>>) -> io::Result<()> {
        let mut paths = BTreeSet::new();
        for copied in self.patches.copied {
            self.walk(&self.workspace, copied, &mut paths)?;
        }
        paths.extend(wanted.keys().cloned());
        let mut surplus = BTreeSet::new();
        let there = |copied: &&&str| self.tree.join(copied).exists();
        for copied in self.patches.copied.iter().filter(there) {
            self.walk(&self.tree, copied, &mut surplus)?;
        }
        for path in surplus.difference(&paths) {
            fs::remove_file(self.tree.join(path))?;
        }
        for path in &paths {
            let bytes = match wanted.remove(path) {
                Some(bytes) => bytes,
                None => fs::read(self.workspace.join(path))?,
            };
            let to = self.tree.join(path);
            // A file that is left alone is one that cargo need not build again.
            if fs::read(&to).ok().as_deref() != Some(&bytes) {
                fs::create_dir_all(to.parent().expect("files lie in the tree"))?;
                fs::write(to, bytes)?;
            }
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "cargo tells which cargo runs this")]
    fn cargo(&self, more: &[&str]) -> Result<Output, String> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = Command::new(cargo);
        let Patches { package, binary, profile, .. } = self.patches;
        command.current_dir(&self.tree).args([
            "build",
            "--quiet",
            "--locked",
            "--profile",
            profile,
        ]);
        command.args(["--package", package, "--bin", binary, "--target-dir"]);
        let built = command.arg(&self.target).args(more).output();
        built.map_err(|error| format!("cannot run cargo to build it: {error}"))
    }

    /// Every file at or below `path`, from `root` on. The patches themselves are of no use to a build, nor is
    /// what another build has made.
    fn walk(&self, root: &Path, path: &str, found: &mut BTreeSet<String>) -> io::Result<()> {
        if path == self.patches.folder || path.ends_with("/target") {
            return Ok(());
        }
        if root.join(path).is_file() {
            found.insert(path.to_owned());
            return Ok(());
        }
        for entry in fs::read_dir(root.join(path))? {
            let name = entry?.file_name();
            self.walk(root, &format!("{path}/{}", name.to_string_lossy()), found)?;
        }
        Ok(())
    }
}
