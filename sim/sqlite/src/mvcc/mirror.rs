//! What rows were before a transaction changed them and are after.
//!
//! SQLite tells which rows a statement has changed, by their numbers, and not what was in them. So the keys
//! of what is committed are kept here too, table by table from the first change on, and beside them those of
//! what the loaded transaction has made of it; what a changed row is known by now is asked of SQLite.
//!
//! What else a row holds matters only where its change is made again or undone. It is read while it is still
//! there: before its transaction changes the same table once more, or is put aside. Most transactions end
//! without either. Where snapshots are seen, or triggers change rows on their own, rows are read whole.
//!
//! Rows that `OR REPLACE` removes are not told, so they are looked for by their keys. A `DELETE` without
//! `WHERE` is not told at all: it is given one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use sqlx_core::Error;

use super::table::{Key, Tables};
use crate::Value;
use crate::changes::Change;
use crate::session::Session;

/// The values of a row, in the order of its table's columns.
pub(super) type Image = Arc<[Value]>;

/// A row as one transaction has left it.
pub(super) struct RowVersion {
    /// Its number. A row that is made again has another one.
    pub(super) rowid: AtomicI64,
    /// What it is known by.
    pub(super) keys: Vec<Key>,
    /// What it holds, once that was read.
    pub(super) image: OnceLock<Image>,
}

/// A row that was changed.
#[derive(Clone)]
pub(super) struct RowChange {
    pub(super) table: Arc<str>,
    /// `None`: the row is new.
    pub(super) before: Option<Arc<RowVersion>>,
    /// `None`: the row is gone.
    pub(super) after: Option<Arc<RowVersion>>,
}

impl RowVersion {
    /// Its number now.
    pub(super) fn rowid(&self) -> i64 {
        self.rowid.load(Ordering::Relaxed)
    }

    /// What it holds.
    pub(super) fn image(&self) -> &Image {
        self.image.get().expect("it was read before its transaction was put aside")
    }
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
pub(super) struct Mirror {
    tables: BTreeMap<Arc<str>, Rows>,
    /// Whether rows are read whole at once; `None`: nobody has looked whether they have to be.
    whole: Option<bool>,
}

/// The rows of a table, by their numbers.
#[derive(Default)]
struct Rows {
    /// Whether all that were there already are known.
    are_kept: bool,
    committed: BTreeMap<i64, Arc<RowVersion>>,
    /// What the loaded transaction sees otherwise; `None`: it does not see the row.
    loaded: BTreeMap<i64, Option<Arc<RowVersion>>>,
}

impl Rows {
    fn view(&self, rowid: i64) -> Option<&Arc<RowVersion>> {
        match self.loaded.get(&rowid) {
            Some(version) => version.as_ref(),
            None => self.committed.get(&rowid),
        }
    }
}

impl Mirror {
    /// Whether all that rows hold is read at once.
    pub(super) fn reads_whole(&self) -> bool {
        self.whole == Some(true)
    }

    /// From now on all that rows hold is read at once. Nothing is loaded.
    pub(super) fn read_whole(
        &mut self,
        session: &mut Session,
        tables: &mut Tables,
    ) -> Result<(), Error> {
        self.whole = Some(true);
        for (table, rows) in &self.tables {
            for version in rows.committed.values() {
                tables.read(session, table, version)?;
            }
        }
        Ok(())
    }

    /// From now on the rows of this table, which is to be changed, are kept. Nobody has changed them yet,
    /// unless they are kept already.
    pub(super) fn keep(
        &mut self,
        session: &mut Session,
        tables: &mut Tables,
        name: &str,
    ) -> Result<(), Error> {
        if self.tables.get(name).is_some_and(|rows| rows.are_kept) {
            return Ok(());
        }
        let whole = match self.whole {
            Some(whole) => whole,
            None => *self.whole.insert(tables.act_by_themselves(session)?),
        };
        let name: Arc<str> = name.into();
        let there = tables.all(session, &name, whole)?;
        let rows = self.tables.entry(name).or_default();
        rows.are_kept = true;
        for version in there {
            rows.committed.entry(version.rowid()).or_insert_with(|| Arc::new(version));
        }
        Ok(())
    }

    /// What the rows were that were just changed, and are now. `replaces`: rows with the keys of new ones
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
            let after = tables.version(session, &table, rowid, self.reads_whole())?.map(Arc::new);
            let rows = self.rows(&table);
            let before = rows.view(rowid).cloned();
            rows.loaded.insert(rowid, after.clone());
            if let Some(after) = after.as_ref().filter(|_| replaces) {
                for replaced in rows.replaced_by(after) {
                    let (table, before) = (Arc::clone(&table), rows.view(replaced).cloned());
                    rows.loaded.insert(replaced, None);
                    seen.push(RowChange { table, before, after: None });
                }
            }
            if before.is_some() || after.is_some() {
                seen.push(RowChange { table, before, after });
            }
        }
        Ok(seen)
    }

    /// The row is this, as was just seen to by hand.
    pub(super) fn know(&mut self, table: &Arc<str>, rowid: i64, now: Option<Arc<RowVersion>>) {
        self.rows(table).loaded.insert(rowid, now);
    }

    /// The loaded transaction was put aside.
    pub(super) fn put_aside(&mut self) {
        self.tables.values_mut().for_each(|rows| rows.loaded.clear());
    }

    /// The loaded transaction was committed.
    pub(super) fn commit(&mut self) {
        for rows in self.tables.values_mut() {
            while let Some((rowid, version)) = rows.loaded.pop_first() {
                match version {
                    Some(version) => rows.committed.insert(rowid, version),
                    None => rows.committed.remove(&rowid),
                };
            }
        }
    }

    fn rows(&mut self, table: &Arc<str>) -> &mut Rows {
        self.tables.entry(Arc::clone(table)).or_default()
    }
}

impl Rows {
    /// Other rows that have a key which this one has now.
    fn replaced_by(&self, version: &RowVersion) -> Vec<i64> {
        let all: BTreeSet<i64> = self.committed.keys().chain(self.loaded.keys()).copied().collect();
        let has_one = |other: &i64| {
            let other = self.view(*other).into_iter().flat_map(|other| &other.keys);
            other.into_iter().any(|key| version.keys.contains(key))
        };
        all.into_iter().filter(|it| *it != version.rowid()).filter(has_one).collect()
    }
}

/// The table whose rows a statement changes; `None`: it changes none, or names it in a way that is not known
/// here.
pub(super) fn changed_by(text: &str) -> Option<&str> {
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
