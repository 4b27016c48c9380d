//! A mistake in a scenario: where it stands, and what was expected instead.

use std::fmt;
use std::ops::Range;

use crate::units::At;

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file's path; empty for a scenario that came from no file.
    pub file: String,
    /// Line and column, both from 1; `None` if the whole is meant.
    pub place: Option<(usize, usize)>,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl Mistake {
    /// A mistake of the whole file.
    pub fn of(file: impl Into<String>, what: impl Into<String>) -> Mistake {
        Mistake { file: file.into(), place: None, what: what.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = if self.file.is_empty() { "scenario" } else { &self.file };
        match self.place {
            Some((line, column)) => write!(formatter, "{file}:{line}:{column}: {}", self.what),
            None => write!(formatter, "{file}: {}", self.what),
        }
    }
}

impl std::error::Error for Mistake {}

/// The text that a scenario was read from: turns places into lines.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The file's path as people know it.
    pub file: &'a str,
    /// What the file holds; empty for a scenario that came from no file.
    pub text: &'a str,
}

impl Source<'_> {
    /// A mistake at `place`.
    pub fn mistake(&self, place: &Range<usize>, what: impl Into<String>) -> Mistake {
        let place = (!self.text.is_empty()).then(|| self.line(place));
        Mistake { file: self.file.to_owned(), place, what: what.into() }
    }

    /// A number within bounds, both included.
    ///
    /// # Errors
    /// If it is not; it is called `what`.
    pub fn in_range(
        &self,
        what: &str,
        number: &At<i64>,
        from: i64,
        to: i64,
    ) -> Result<(), Mistake> {
        if (from..=to).contains(&number.value) {
            return Ok(());
        }
        let what = format!("{what} {}: expected {from} to {to}", number.value);
        Err(self.mistake(&number.place, what))
    }

    /// Line and column of the beginning of `place`, both from 1.
    pub fn line(&self, place: &Range<usize>) -> (usize, usize) {
        let start = place.start.min(self.text.len());
        let before = self.text.as_bytes()[..start].iter();
        let line = before.clone().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.rev().take_while(|byte| **byte != b'\n').count() + 1;
        (line, column)
    }
}

/// `a, b or c`.
pub fn one_of<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let words: Vec<S> = words.into_iter().collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.as_ref().to_owned(),
        Some((last, rest)) => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", rest.join(", "), last.as_ref())
        }
    }
}
