//! What people read: answers on standard output, complaints on standard error.

use std::io::{self, Write as _};

/// Writes a text to standard output. A reader that has gone is no failure.
///
/// # Errors
/// If it cannot be written.
pub fn print(text: &str) -> Result<(), String> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{}", text.trim_end()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error. If even that fails there is nobody to tell.
pub fn complain(why: &str) {
    writeln!(io::stderr(), "stormproof: {why}").ok();
}
