//! Mutants that are no mistake, with the reason: what they change cannot be seen, because something else
//! sees to it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Mutant, MutantKind};
use stormproof_faults::mistake::{Mistake, Source};

/// The share of all mutants that may be argued away, in percent.
pub const PERCENT_MAX: usize = 10;

/// All that is argued: a file of `[[argued]]` tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argued {
    /// A pattern each.
    #[serde(default, rename = "argued")]
    pub patterns: Vec<Pattern>,
}

/// Which mutants a reason is given for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Of this kind; of any, if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MutantKind>,
    /// The statement holds this.
    pub statement: String,
    /// What is changed holds this; anything, if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The constraint or the code that makes it no mistake, in a line.
    pub because: String,
}

impl Argued {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// The first mistake in it: where it stands, and what was expected.
    pub fn load(path: &Path) -> Result<Argued, Mistake> {
        let Ok(text) = std::fs::read_to_string(path) else { return Ok(Argued::default()) };
        let file = &*path.to_string_lossy();
        let source = Source { file, text: &text };
        toml::from_str(&text)
            .map_err(|error| source.mistake(&error.span().unwrap_or(0..0), error.message()))
    }

    /// Why this mutant is no mistake.
    pub fn reason(&self, mutant: &Mutant) -> Option<&str> {
        self.patterns.iter().find(|it| it.fits(mutant)).map(|it| &*it.because)
    }
}

impl Pattern {
    /// Whether it is given for this mutant.
    pub fn fits(&self, mutant: &Mutant) -> bool {
        self.kind.is_none_or(|kind| kind == mutant.kind)
            && mutant.statement.contains(&self.statement)
            && self.what.as_ref().is_none_or(|what| mutant.what.contains(what))
    }
}
