//! The kinds of change, each with its word and what it says.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A kind of change: to SQL, to code or, with the same word, to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MutantKind {
    /// A condition is left out: of WHERE, ON, HAVING or CHECK one that others are joined to by AND, or all of it. In
    /// code what is asked is answered with the opposite.
    Condition,
    /// An alternative is left out, of those that are joined by OR, stand behind IN, or are cases.
    Alternative,
    /// `>=` for `>`, `<` for `<=`, `<>` for `=`, `!=` for `==`, and the reverse.
    Comparison,
    /// The opposite: NOT IN for IN, IS NULL for IS NOT NULL, and the reverse.
    Negation,
    /// `+` for `-`, and the reverse; `+` for `*`, `*` for `/`.
    Arithmetic,
    /// A number is one more.
    Number,
    /// MIN for MAX, MAX for SUM, COALESCE without its first or its second.
    Function,
    /// A column is not assigned.
    Assignment,
    /// A column is left out of an INSERT.
    Column,
    /// ON CONFLICT is left out, added, or does nothing where it did something.
    Conflict,
    /// INNER JOIN for LEFT JOIN, and the reverse.
    Join,
    /// DISTINCT is left out.
    Distinct,
    /// One of the keys that rows are ordered by is reversed, or nothing is ordered.
    Order,
    /// LIMIT is one more, one less, or not there.
    Limit,
    /// A row that a migration inserts is left out.
    Row,
    /// A primary key is left out, or one of its columns.
    PrimaryKey,
    /// A UNIQUE is left out, or one of its columns.
    Unique,
    /// A CHECK is left out.
    Check,
    /// A foreign key is left out.
    ForeignKey,
    /// A NOT NULL is left out.
    NotNull,
    /// A DEFAULT is left out.
    Default,
    /// A function does nothing, and answers at once with a value of its type.
    Answer,
    /// `||` for `&&`, and the reverse.
    Connective,
    /// A statement that is run for its effect is left out.
    Effect,
    /// Two such statements, one after the other, change places.
    Swap,
    /// A match arm, or its guard, never fits, where another takes all that is left.
    Arm,
    /// Another variant of an enum: an error of another class, another state.
    Variant,
}

impl MutantKind {
    /// The word on the command line and in records.
    pub fn word(self) -> String {
        let value = self.to_possible_value().expect("no kind is hidden");
        value.get_name().to_owned()
    }
}
