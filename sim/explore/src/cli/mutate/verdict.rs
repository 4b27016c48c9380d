//! What became of a mutant.

use serde::{Deserialize, Serialize};

use super::orders::RunName;

/// Whether somebody has noticed a mutant, and who.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// A run broke, or did not come to its end.
    Caught {
        /// The first run that did.
        run: RunName,
        /// What broke first: an invariant, or a fault of a scenario that never fired.
        by: String,
        /// What was seen, in a sentence.
        what: String,
    },
    /// SQLite, or the compiler, will not have it, or what relies on it: no service would have gone out with it.
    Refused {
        /// What is said of it.
        why: String,
    },
    /// All its runs held.
    Missed {
        /// How many there were.
        runs: u64,
        /// How many of them went another way than without it; 0: nobody could have noticed.
        differed: u64,
    },
    /// No run says its statement, or comes to its place.
    NotReached,
}

impl Became {
    pub fn is_missed(&self) -> bool {
        matches!(self, Became::Missed { .. })
    }

    pub fn is_refused(&self) -> bool {
        matches!(self, Became::Refused { .. })
    }

    pub fn is_caught(&self) -> bool {
        matches!(self, Became::Caught { .. })
    }
}
