//! Python with pika, a client of RabbitMQ that takes bytes where AMQP has texts.
//!
//! pika is taken from the Python at hand, else installed by pip below the target directory.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

const INSTALLED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pika");

/// Runs a script to its good end; returns what it prints.
///
/// # Panics
/// If it ends badly.
pub fn run(script: &str, variables: &[(&str, &OsStr)]) -> String {
    let ran = Command::new("python3")
        .args(["-c", script])
        .env("PYTHONPATH", INSTALLED)
        .envs(variables.iter().copied())
        .output()
        .expect("it ran before");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("it prints text")
}

/// Makes sure that Python finds pika, if need be by installing it once for all runs from this target
/// directory. Errors: why it does not.
pub fn with_pika() -> Result<(), String> {
    found_pika().map_err(|why| format!("no pika: {why}"))
}

fn found_pika() -> Result<(), String> {
    let installed = Path::new(INSTALLED);
    if with(installed, &["-c", "import pika"]).is_ok() {
        return Ok(());
    }
    // Beside its place first: another test may be about to do the same.
    let fresh = installed.with_extension(std::process::id().to_string());
    let target = fresh.to_string_lossy();
    let install = ["-m", "pip", "install", "--quiet", "--timeout", "20", "--target", &target];
    with(installed, &[&install[..], &["pika"]].concat())?;
    if std::fs::rename(&fresh, installed).is_err() {
        std::fs::remove_dir_all(&fresh).ok();
    }
    with(installed, &["-c", "import pika"])
}

/// Runs Python with a folder to import from. Errors: why it cannot, or what it says.
fn with(imports: &Path, arguments: &[&str]) -> Result<(), String> {
    match Command::new("python3").args(arguments).env("PYTHONPATH", imports).output() {
        Ok(ran) if ran.status.success() => Ok(()),
        Ok(ran) => Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
