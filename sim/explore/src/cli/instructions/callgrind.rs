//! A worker under valgrind: how many instructions it takes, of all its threads, from its start to its end.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use stormproof_faults::outcome::Outcome;

/// What a worker did, and what it took.
#[derive(Debug)]
pub struct Counted {
    pub instructions: u64,
    pub outcomes: Vec<Outcome>,
}

/// Valgrind's own words for its version.
///
/// # Errors
/// If it is not here, or cannot be run.
pub fn version() -> Result<String, String> {
    let asked = Command::new("valgrind").arg("--version").output();
    let output = asked.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            "valgrind is not here, and only it counts instructions: install it (Debian's package \
             `valgrind`)"
                .to_owned()
        }
        _ => format!("valgrind cannot be run: {error}"),
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs `worker` to its end and counts. The profile is kept in `folder` as `name`, for
/// `callgrind_annotate`.
///
/// # Errors
/// If the worker or valgrind fails, in its own words.
pub fn count(worker: &Command, folder: &Path, name: &str) -> Result<Counted, String> {
    let profile = folder.join(format!("{name}.callgrind"));
    let cannot = |error| format!("{} cannot be written: {error}", profile.display());
    fs::create_dir_all(folder).map_err(cannot)?;
    // Callgrind would keep the profile of before beside it.
    fs::remove_file(&profile).ok();
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]);
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(worker.get_program()).args(worker.get_args());
    for (key, value) in worker.get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    let ended = command.stdin(Stdio::null()).output();
    let output = ended.map_err(|error| format!("valgrind cannot be run: {error}"))?;
    if !output.status.success() {
        let complaints = String::from_utf8_lossy(&output.stderr);
        return Err(format!("a worker under valgrind ended with {}: {complaints}", output.status));
    }
    let outcomes = String::from_utf8_lossy(&output.stdout);
    let outcomes = outcomes.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    let outcomes = outcomes.map_err(|error| format!("a worker wrote no outcome: {error}"))?;
    let text = fs::read_to_string(&profile)
        .map_err(|error| format!("{} cannot be read: {error}", profile.display()))?;
    let instructions = total(&text)
        .ok_or_else(|| format!("{} has no total of instructions", profile.display()))?;
    Ok(Counted { instructions, outcomes })
}

/// The total of a profile, if instructions are all that was counted.
fn total(profile: &str) -> Option<u64> {
    let value = |name: &str| profile.lines().find_map(|line| line.strip_prefix(name));
    let counts_instructions_alone = value("events:")?.trim() == "Ir";
    let total = value("totals:").or_else(|| value("summary:"))?;
    counts_instructions_alone.then(|| total.trim().parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_out_of_a_profile() {
        let profile = "# callgrind format\nversion: 1\nevents: Ir\nfn=(0)\n0 5\n\ntotals: 1234\n";
        assert_eq!(total(profile), Some(1234));
        assert_eq!(total("events: Ir\nsummary: 77\n"), Some(77));
        assert_eq!(total("events: Ir Dr Dw\ntotals: 1 2 3\n"), None);
        assert_eq!(total("totals: 1234\n"), None);
        assert_eq!(total("events: Ir\n"), None);
    }
}
