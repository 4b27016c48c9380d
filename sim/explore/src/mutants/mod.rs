//! Mutants: mistakes that a machine makes, one in each.
//!
//! `sql` makes them of the statements and migrations that a system was seen to run, `code` of its sources.
//! `kind` is what kinds there are, `argued` which mutants are no mistake.
//!
//! It does not know how mutants are run, or who notices.

pub mod argued;
pub mod code;
mod kind;
pub mod sql;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use kind::MutantKind;

/// A statement, a migration or a piece of code with one thing changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutant {
    /// The same as long as what is changed, and what it is changed to, are the same: eight hexadecimal digits.
    pub id: String,
    /// What kind of change it is.
    pub kind: MutantKind,
    /// The databases that run it: `ledger-db`. None runs code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<String>,
    /// The first table that a statement names, if it names one; the file of code.
    pub place: String,
    /// Whether it is of a migration.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_migration: bool,
    /// The statement as it was: of a migration the one that is changed, of several that differ in the number
    /// of rows the shortest. Records leave it out. Of code, the function: `Ledger::post`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub statement: String,
    /// What is changed, in words.
    pub what: String,
    /// What is said in place of what: a pair for each text of the statement. Of code none.
    #[serde(skip)]
    pub pairs: Vec<(String, String)>,
    /// The switch that it waits behind in a copy of the code. Of SQL none.
    #[serde(skip)]
    pub switch: Option<u32>,
}

/// A mutant's name, of what makes it what it is.
fn name_of(parts: &str) -> String {
    Sha256::digest(parts).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
