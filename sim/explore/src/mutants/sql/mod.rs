//! Mutants of SQL.
//!
//! `statements` turns what a system was seen to run into mutants: those of one statement that is written for
//! more or fewer rows are one. `site` finds the places where something can be changed, `expressions`, `clauses`
//! and `schema` say what.

mod clauses;
mod expressions;
mod schema;
mod site;
mod statements;
#[cfg(test)]
mod tests;

pub(crate) use expressions::cut;
pub use statements::{Family, Seen, Unread, mutants, unguarded};

use super::{Mutant, MutantKind, name_of};
