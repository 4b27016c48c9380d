//! Printing: everything that reaches standard output or standard error passes here.
//!
//! A reader that has gone (`cargo sim list | head -1`) is no failure: what remains is dropped.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;

/// Writes a text and a line's end to standard output.
///
/// # Errors
/// If the output cannot be written, but for a reader that has gone.
pub fn print(text: &str) -> Result<(), String> {
    let mut output = io::stdout().lock();
    let written = writeln!(output, "{}", text.trim_end()).and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON object to standard output.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl Serialize) -> Result<(), String> {
    print(&serde_json::to_string(value).expect("reports have text keys and finite numbers only"))
}

/// Writes a complaint to standard error. If even that fails there is nobody to tell.
pub fn complain(message: &str) {
    writeln!(io::stderr(), "error: {message}").ok();
}

/// Writes a line for somebody who watches; if nobody does, nothing.
pub fn mention(message: &str) {
    if is_watched() {
        writeln!(io::stderr(), "{message}").ok();
    }
}

/// Whether somebody watches: progress is for people only.
pub fn is_watched() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// A table with a heading: columns are as wide as their widest cell, the last one is ragged.
pub fn table(heading: &str, rows: &[impl AsRef<[String]>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows.iter().map(AsRef::as_ref) {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = format!("{heading}\n");
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.as_ref().iter().zip(&widths) {
            line.push_str(&format!("  {cell:<width$}"));
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// `1 seed`, `2 seeds`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate for reading: three figures or whole numbers.
pub fn rate(amount: f64, seconds: f64) -> String {
    let rate = amount / seconds.max(1e-9);
    match rate {
        ..10.0 => format!("{rate:.2}"),
        10.0..100.0 => format!("{rate:.1}"),
        _ => grouped(rate.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_end_without_blanks() {
        let rows = [["cut", "3"], ["reply lost", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table("faults", &rows), "faults\n  cut         3\n  reply lost\n");
    }

    #[test]
    fn numbers_are_grouped() {
        let texts: Vec<String> = [0, 999, 1000, 1234567].map(grouped).into();
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            (count(1, "seed"), count(1000, "seed")),
            ("1 seed".into(), "1,000 seeds".into())
        );
        assert_eq!(rate(3.0, 2.0), "1.50");
        assert_eq!(rate(30000.0, 2.0), "15,000");
    }
}
