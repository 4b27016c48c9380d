//! The mirror made of all rows at once, read by whoever has the databases.

use super::reading::Rows;
use super::rows::*;
use super::{Step, Truth};

/// A watched table, and which of its columns are read.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// `store-db`
    pub database: &'static str,
    pub table: &'static str,
    /// With commas between them.
    pub columns: &'static str,
}

/// Every watched table.
pub fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    macro_rules! source {
        ($row:ident ($sources:ident)) => {
            $sources.push(Source {
                database: $row::DATABASE,
                table: $row::TABLE,
                columns: $row::COLUMNS,
            });
        };
    }
    for_every_row!(source(sources));
    sources
}

impl Truth {
    /// What is committed, by the rows of every table in the order of [`sources`].
    ///
    /// # Panics
    /// If a value cannot be: the schema's promise is broken, or tables are missing.
    pub fn of(tables: &[Rows]) -> Truth {
        Truth::come_to(tables).0
    }

    /// The same, and how it came to that, as one step from nothing; its facts are not told.
    ///
    /// # Panics
    /// As [`Truth::of`].
    pub fn come_to(tables: &[Rows]) -> (Truth, Step) {
        let mut truth = Truth::default();
        let mut step = Step::default();
        let mut tables = tables.iter();
        macro_rules! set {
            ($row:ident ($truth:ident, $step:ident, $tables:ident)) => {
                let rows = $tables.next().expect("a table for each source");
                for (number, values) in (1..).zip(rows) {
                    $truth.set(&mut $step, number, Some($row::read(values)));
                }
            };
        }
        for_every_row!(set(truth, step, tables));
        truth.settle(&step);
        (truth, step)
    }
}
