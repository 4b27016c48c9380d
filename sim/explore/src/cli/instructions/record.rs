//! The counts that are kept, and counts of today held to them.

use std::collections::BTreeMap;
use std::env;
use std::process::Command;

use serde::{Deserialize, Serialize};
use stormproof_faults::mistake::{Mistake, Source};

use crate::cli::terminal::grouped;

/// How much a count may rise unseen, in per cent.
const ALLOWED: f64 = 1.0;

/// What was counted, and with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub tools: Tools,
    /// Instructions, by what takes them.
    pub instructions: BTreeMap<String, u64>,
}

/// What decides a count besides the program's own text and seeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// Of Rust and of C, which SQLite is written in.
    pub compilers: String,
    /// Libraries choose other code where there are wider registers.
    pub processor: String,
    pub valgrind: String,
}

/// A count beside the one that is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub name: String,
    pub instructions: u64,
    /// `None`: nobody has counted it yet, or with other tools.
    pub recorded: Option<u64>,
}

impl Tools {
    /// Those that are here: cargo, which builds this program and runs it, finds the same ones.
    #[expect(
        clippy::disallowed_methods,
        reason = "asks which compiler built it, not what a run does"
    )]
    pub fn here(valgrind: String) -> Tools {
        let c = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let compilers = ["rustc", &c].map(|compiler| {
            version(compiler).unwrap_or_else(|| format!("{compiler}, which is not here"))
        });
        #[cfg(target_arch = "x86_64")]
        let has_wide_registers = std::arch::is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let has_wide_registers = false;
        let wide = if has_wide_registers { ", avx2" } else { "" };
        Tools {
            compilers: compilers.join("; "),
            processor: format!("{}{wide}", env::consts::ARCH),
            valgrind,
        }
    }

    /// What differs from those, in words; `None`: nothing does.
    pub fn differ_from(&self, recorded: &Tools) -> Option<String> {
        let pairs = [
            (&self.compilers, &recorded.compilers),
            (&self.processor, &recorded.processor),
            (&self.valgrind, &recorded.valgrind),
        ];
        let words = pairs.into_iter().filter(|(here, there)| here != there);
        let words: Vec<String> =
            words.map(|(here, there)| format!("{there} there, {here} here")).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}

impl Record {
    /// Reads the text of the file `shown`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(shown: &str, text: &str) -> Result<Record, Mistake> {
        let source = Source { file: shown, text };
        toml::from_str(text)
            .map_err(|error| source.mistake(&error.span().unwrap_or(0..0), error.message()))
    }

    /// As it is kept; `command` writes it.
    pub fn text(&self, command: &str) -> String {
        let text = toml::to_string(self).expect("tables, texts and numbers are all TOML needs");
        format!(
            "# What takes how many instructions: written by `{command} bench --instructions --record`.\n\
             # A commit that raises one says what the rise buys.\n\n{text}"
        )
    }
}

impl Row {
    /// Per cent above what is kept; below zero: it fell.
    pub fn rise(&self) -> Option<f64> {
        let recorded = self.recorded.filter(|recorded| *recorded > 0)?;
        Some((self.instructions as f64 - recorded as f64) * 100.0 / recorded as f64)
    }

    /// Whether it has risen by more than may go unseen; in words, then.
    pub fn complaint(&self) -> Option<String> {
        let rise = self.rise().filter(|rise| *rise > ALLOWED)?;
        Some(format!(
            "{}: {} instructions, {} are recorded: {rise:.1} % more",
            self.name,
            grouped(self.instructions),
            grouped(self.recorded?),
        ))
    }

    /// Whether it has fallen by as much as may rise unseen: a rise from there should be seen.
    pub fn has_fallen(&self) -> bool {
        self.rise().is_some_and(|rise| rise < -ALLOWED)
    }
}

/// The first line that a compiler says of itself.
fn version(compiler: &str) -> Option<String> {
    let output = Command::new(compiler).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(instructions: u64, recorded: Option<u64>) -> Row {
        Row { name: "storm seed".to_owned(), instructions, recorded }
    }

    fn tools() -> Tools {
        Tools {
            compilers: "rustc 1; cc 2".to_owned(),
            processor: "x86_64".to_owned(),
            valgrind: "valgrind-3".to_owned(),
        }
    }

    #[test]
    fn a_rise_of_more_than_one_per_cent_is_told_with_both_numbers() {
        assert_eq!(row(1_010_000, Some(1_000_000)).complaint(), None);
        let complaint = row(1_011_000, Some(1_000_000)).complaint().expect("it has risen");
        assert_eq!(
            complaint,
            "storm seed: 1,011,000 instructions, 1,000,000 are recorded: 1.1 % more"
        );
        assert_eq!(row(5, None).complaint(), None);
        assert_eq!(row(5, Some(0)).complaint(), None);
    }

    #[test]
    fn a_fall_is_no_complaint() {
        let fallen = row(900_000, Some(1_000_000));
        assert!(fallen.complaint().is_none() && fallen.has_fallen());
        assert!(!row(995_000, Some(1_000_000)).has_fallen());
        assert!(!row(5, None).has_fallen());
    }

    #[test]
    fn other_tools_are_named() {
        assert_eq!(tools().differ_from(&tools()), None);
        let other = Tools { compilers: "rustc 2; cc 2".to_owned(), ..tools() };
        let words = other.differ_from(&tools()).expect("they differ");
        assert_eq!(words, "rustc 1; cc 2 there, rustc 2; cc 2 here");
        assert!(Tools::here(String::new()).compilers.starts_with("rustc"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let instructions = BTreeMap::from([("storm seed".to_owned(), 171_000_000)]);
        let record = Record { tools: tools(), instructions };
        let text = record.text("cargo sim");
        assert_eq!(Record::parse("instructions.toml", &text).expect("as written"), record);
        let mistake = Record::parse("instructions.toml", "tools = 7\n").expect_err("no tools");
        assert!(mistake.to_string().contains("instructions.toml:1"), "{mistake}");
    }
}
