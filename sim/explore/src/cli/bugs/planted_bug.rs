//! `--bug NAME` of run and explore: the same command, carried out by a program that has the bug.

use std::path::Path;
use std::process::Command;

use crate::registries;
use crate::{System, bugs};

use super::build::Build;
use crate::cli::Verdict;

/// Plants `bug` and has this very command carried out by what was built; `None`, if there is no bug
/// to be planted or this is that program already.
///
/// # Errors
/// If there is no such bug, or it cannot be planted or run.
pub fn elsewhere(system: &impl System, bug: Option<&str>) -> Result<Option<Verdict>, String> {
    let Some(name) = bug else { return Ok(None) };
    let patches = system.patches().ok_or("no bugs can be planted in this system")?;
    let build = Build::of(patches);
    let here = std::env::current_exe().and_then(|here| here.canonicalize()).ok();
    let there = build.program().canonicalize().ok();
    if here.is_some() && here == there {
        return Ok(None);
    }
    let all = patches.all(&registries::of(system)).map_err(|mistake| mistake.to_string())?;
    let bug = bugs::named(all, &[name.to_owned()]).map_err(|mistake| mistake.to_string())?;
    let program = build.plant(bug.first()).map_err(|why| format!("{name}: {why}"))?;
    ended(&program).map(Some)
}

fn ended(program: &Path) -> Result<Verdict, String> {
    let status = Command::new(program).args(std::env::args_os().skip(1)).status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => Ok(Verdict::Held),
        Ok(Some(1)) => Ok(Verdict::Broken),
        Ok(_) => Ok(Verdict::CouldNotRun),
        Err(error) => Err(format!("cannot run {}: {error}", program.display())),
    }
}
