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

/// Where a row is: its table, and its number there.
type Place = (Arc<str>, i64);

/// The rows of one database, as far as they matter.
#[derive(Default)]
pub(super) struct Mirror {
    tables: BTreeSet<Arc<str>>,
    committed: BTreeMap<Place, Image>,
    /// What the loaded transaction sees otherwise; `None`: it does not see the row.
    loaded: BTreeMap<Place, Option<Image>>,
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
        if self.tables.contains(name) {
            return Ok(());
        }
        let table: Arc<str> = name.into();
        for row in session.collect(&format!("SELECT rowid, * FROM {}", quoted(name)), &[])? {
            let rowid = row[0].as_i64().expect("a row has a number");
            self.committed.insert((Arc::clone(&table), rowid), row[1..].into());
        }
        self.tables.insert(table);
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
            let place = (Arc::clone(&table), rowid);
            let after = row(session, &table, rowid)?;
            let before = self.view(&place).cloned();
            let change = RowChange { table, before, after: after.clone() };
            if replaces {
                for replaced in self.replaced_by(session, tables, &place, &change)? {
                    let before = self.view(&replaced).cloned();
                    seen.push(RowChange { table: Arc::clone(&replaced.0), before, after: None });
                    self.loaded.insert(replaced, None);
                }
            }
            if change.before.is_some() || change.after.is_some() {
                seen.push(change);
            }
            self.loaded.insert(place, after);
        }
        Ok(seen)
    }

    /// The loaded transaction was put aside.
    pub(super) fn put_aside(&mut self) {
        self.loaded.clear();
    }

    /// The loaded transaction was committed.
    pub(super) fn commit(&mut self) {
        for (place, image) in std::mem::take(&mut self.loaded) {
            match image {
                Some(image) => self.committed.insert(place, image),
                None => self.committed.remove(&place),
            };
        }
    }

    fn view(&self, place: &Place) -> Option<&Image> {
        match self.loaded.get(place) {
            Some(image) => image.as_ref(),
            None => self.committed.get(place),
        }
    }

    /// Other rows that had a key which this one has now.
    fn replaced_by(
        &self,
        session: &mut Session,
        tables: &mut Tables,
        place: &Place,
        change: &RowChange,
    ) -> Result<Vec<Place>, Error> {
        let [_, keys] = tables.keys(session, change)?;
        let first = (Arc::clone(&place.0), i64::MIN);
        let committed = self.committed.range(first.clone()..).map(|(place, _)| place);
        let loaded = self.loaded.range(first..).map(|(place, _)| place);
        let places: BTreeSet<&Place> = committed
            .take_while(|it| it.0 == place.0)
            .chain(loaded.take_while(|it| it.0 == place.0))
            .filter(|it| *it != place)
            .collect();
        let mut replaced = Vec::new();
        for other in places {
            let Some(image) = self.view(other) else { continue };
            let (table, before) = (Arc::clone(&other.0), Some(image.clone()));
            let [had, _] = tables.keys(session, &RowChange { table, before, after: None })?;
            if had.iter().any(|key| keys.contains(key)) {
                replaced.push(other.clone());
            }
        }
        Ok(replaced)
    }
}

fn row(session: &mut Session, table: &str, rowid: i64) -> Result<Option<Image>, Error> {
    let sql = format!("SELECT * FROM {} WHERE rowid = ?1", quoted(table));
    let rows = session.ask(&sql, &[Value::Integer(rowid)])?;
    Ok(rows.into_iter().next().map(Image::from))
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
