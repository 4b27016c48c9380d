//! Mutants of SQL: mistakes that a machine makes in statements and migrations, one in each.
//!
//! `statements` turns what a system was seen to run into mutants: those of one statement that is written for
//! more or fewer rows are one. `site` finds the places where something can be changed, `expressions`, `clauses`
//! and `schema` say what; `kind` is what kinds there are, `argued` which mutants are no mistake.
//!
//! It does not know how mutants are run, or who notices.

pub mod argued;
mod clauses;
mod expressions;
mod kind;
mod schema;
mod site;
mod statements;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(crate) use expressions::cut;
pub use kind::MutantKind;
pub use statements::{Family, Seen, Unread, mutants, unguarded};

/// A statement or a migration with one thing changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutant {
    /// The same as long as what is changed, and what it is changed to, are the same: eight hexadecimal digits.
    pub id: String,
    /// What kind of change it is.
    pub kind: MutantKind,
    /// The databases that run it: `ledger-db`.
    pub databases: Vec<String>,
    /// The table that it is about, the first that it names; empty, if it names none.
    pub table: String,
    /// Whether it is of a migration.
    pub is_migration: bool,
    /// The statement as it was: of a migration the one that is changed, of several that differ in the number
    /// of rows the shortest. Records leave it out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub statement: String,
    /// What is changed, in words.
    pub what: String,
    /// What is run in place of what: a pair for each text of the statement.
    #[serde(skip)]
    pub pairs: Vec<(String, String)>,
}
