//! What rows held before a transaction changed them and after.
//!
//! SQLite tells which rows a statement has changed, by their numbers, and not what was in them. So what is
//! committed is kept here too, table by table from the first change on, and beside it what the loaded
//! transaction has made of it; what a changed row holds now is asked of SQLite.
//!
//! Rows that `OR REPLACE` removes are not told, so they are looked for by their keys. A `DELETE` without
//! `WHERE` is not told at all: it is given one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlx_core::Error;

use super::table::Tables;
use crate::Value;
use crate::changes::Change;
use crate::session::Session;

/// The values of a row, in the order of its table's columns.
pub(super) type Image = Arc<[Value]>;

/// A row that was changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RowChange {
    pub(super) table: Arc<str>,
    /// `None`: the row is new.
    pub(super) before: Option<Image>,
    /// `None`: the row is gone.
    pub(super) after: Option<Image>,
}

impl RowChange {
    /// The change that takes it back.
    pub(super) fn undone(&self) -> RowChange {
        let RowChange { table, before, after } = self.clone();
        RowChange { table, before: after, after: before }
    }
}

/// The rows of one database, as far as they matter.
#[derive(Default)]
pub(super) struct Mirror(BTreeMap<Arc<str>, Rows>);

/// The rows of a table, by their numbers.
#[derive(Default)]
struct Rows {
    /// Whether all that were there already are known.
    are_kept: bool,
    committed: BTreeMap<i64, Image>,
    /// What the loaded transaction sees otherwise; `None`: it does not see the row.
    loaded: BTreeMap<i64, Option<Image>>,
}

impl Rows {
    fn view(&self, rowid: i64) -> Option<&Image> {
        match self.loaded.get(&rowid) {
            Some(image) => image.as_ref(),
            None => self.committed.get(&rowid),
        }
    }
}

impl Mirror {
    /// From now on the rows of the tables that `text` changes are kept. Nobody has changed them yet, unless
    /// they are kept already.
    pub(super) fn keep_tables_of(
        &mut self,
        session: &mut Session,
        text: &str,
    ) -> Result<(), Error> {
        let Some(name) = changed_by(text) else { return Ok(()) };
        if self.0.get(name).is_some_and(|rows| rows.are_kept) {
            return Ok(());
        }
        let there = session.collect(&format!("SELECT rowid, * FROM {}", quoted(name)), &[])?;
        let rows = self.0.entry(name.into()).or_default();
        rows.are_kept = true;
        for row in there {
            let rowid = row[0].as_i64().expect("a row has a number");
            rows.committed.entry(rowid).or_insert_with(|| row[1..].into());
        }
        Ok(())
    }

    /// What the rows held that were just changed, and hold now. `replaces`: rows with the keys of new ones
    /// may be gone.
    pub(super) fn see(
        &mut self,
        session: &mut Session,
        tables: &mut Tables,
        changes: Vec<Change>,
        replaces: bool,
    ) -> Result<Vec<RowChange>, Error> {
        let mut seen = Vec::with_capacity(changes.len());
        for Change { table, rowid, .. } in changes {
            let after = tables.row(session, &table, rowid)?;
            let rows = self.rows(&table);
            let before = rows.view(rowid).cloned();
            rows.loaded.insert(rowid, after.clone());
            let change = RowChange { table, before, after };
            if replaces {
                for replaced in self.replaced_by(session, tables, rowid, &change)? {
                    let table = Arc::clone(&change.table);
                    let rows = self.rows(&table);
                    let before = rows.view(replaced).cloned();
                    rows.loaded.insert(replaced, None);
                    seen.push(RowChange { table, before, after: None });
                }
            }
            if change.before.is_some() || change.after.is_some() {
                seen.push(change);
            }
        }
        Ok(seen)
    }

    /// The row holds this, as was just seen to by hand.
    pub(super) fn know(&mut self, table: &Arc<str>, rowid: i64, now: Option<Image>) {
        self.rows(table).loaded.insert(rowid, now);
    }

    /// The loaded transaction was put aside.
    pub(super) fn put_aside(&mut self) {
        self.0.values_mut().for_each(|rows| rows.loaded.clear());
    }

    /// The loaded transaction was committed.
    pub(super) fn commit(&mut self) {
        for rows in self.0.values_mut() {
            while let Some((rowid, image)) = rows.loaded.pop_first() {
                match image {
                    Some(image) => rows.committed.insert(rowid, image),
                    None => rows.committed.remove(&rowid),
                };
            }
        }
    }

    fn rows(&mut self, table: &Arc<str>) -> &mut Rows {
        self.0.entry(Arc::clone(table)).or_default()
    }

    /// Other rows that had a key which this one has now.
    fn replaced_by(
        &self,
        session: &mut Session,
        tables: &mut Tables,
        rowid: i64,
        change: &RowChange,
    ) -> Result<Vec<i64>, Error> {
        let [_, keys] = tables.keys(session, change)?;
        let Some(rows) = self.0.get(&change.table) else { return Ok(Vec::new()) };
        let others: BTreeSet<i64> =
            rows.committed.keys().chain(rows.loaded.keys()).copied().collect();
        let mut replaced = Vec::new();
        for other in others.into_iter().filter(|it| *it != rowid) {
            let Some(image) = rows.view(other) else { continue };
            let (table, before) = (Arc::clone(&change.table), Some(image.clone()));
            let [had, _] = tables.keys(session, &RowChange { table, before, after: None })?;
            if had.iter().any(|key| keys.contains(key)) {
                replaced.push(other);
            }
        }
        Ok(replaced)
    }
}

/// The table whose rows a statement changes; `None`: it changes none.
fn changed_by(text: &str) -> Option<&str> {
    let mut words = text.split(|letter: char| letter.is_whitespace() || letter == '(');
    let mut words = words.by_ref().filter(|word| !word.is_empty());
    let mut word = match words.next()? {
        "INSERT" | "REPLACE" | "DELETE" | "UPDATE" => words.next()?,
        _ => return None,
    };
    if word == "OR" {
        words.next()?;
        word = words.next()?;
    }
    if matches!(word, "INTO" | "FROM") {
        word = words.next()?;
    }
    Some(word.trim_matches('"'))
}

/// A `DELETE` of all rows, so that each is told.
pub(super) fn told(text: &str) -> Option<String> {
    let deletes_all = text.trim_start().starts_with("DELETE") && !text.contains("WHERE");
    deletes_all.then(|| format!("{text} WHERE 1"))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_out_of_a_statement() {
        assert_eq!(changed_by("INSERT INTO shelf(id) VALUES (1)"), Some("shelf"));
        assert_eq!(changed_by(" UPDATE OR REPLACE shelf SET n = 1"), Some("shelf"));
        assert_eq!(changed_by("DELETE FROM \"shelf\" WHERE id = 1"), Some("shelf"));
        assert_eq!(changed_by("INSERT OR REPLACE INTO shelf (id) VALUES (1)"), Some("shelf"));
        assert_eq!(changed_by("SELECT 1"), None);
        assert_eq!(told("DELETE FROM shelf").as_deref(), Some("DELETE FROM shelf WHERE 1"));
        assert_eq!(told("DELETE FROM shelf WHERE id = 1"), None);
    }
}
