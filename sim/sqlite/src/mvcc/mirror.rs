//! What rows were before a transaction changed them and are after.
//!
//! SQLite tells which rows a statement has changed, by their numbers, and not what was in them. So the keys
//! of what is committed are kept here too, table by table from the first change on, and beside them those of
//! what the loaded transaction has made of it; what a changed row is known by now is asked of SQLite.
//!
//! What else a row holds matters only where its change is made again or undone. It is read while it is still
//! there: before its transaction changes rows of the same table once more, or is put aside. Most transactions
//! end without either. Where snapshots are seen, or triggers change rows on their own, rows are read whole.
//!
//! Rows that `OR REPLACE` removes are not told, so they are looked for by their keys. A `DELETE` without
//! `WHERE` is not told at all: it is given one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use sqlx_core::Error;

use super::by_name::ByName;
use super::table::{Key, Tables};
use crate::Value;
use crate::changes::{Change, ChangeKind};
use crate::session::Session;
use crate::statement::Bind;

/// The values of a row, in the order of its table's columns.
pub(super) type Image = Arc<[Value]>;

/// A row as one transaction has left it.
pub(super) struct RowVersion {
    /// Its number. A row that is made again has another one.
    pub(super) rowid: AtomicI64,
    /// What it is known by.
    pub(super) keys: Arc<[Key]>,
    /// What it holds, once that was read.
    pub(super) image: OnceLock<Image>,
}

/// What is known of the statement that has changed rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Rows that were there already have kept their keys.
    KeysStay,
    /// Any row may have others.
    KeysChange,
    /// The same, and rows with the keys of new ones may be gone.
    Replaced,
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
    /// The same row with something else in it.
    fn with_keys_of(before: &RowVersion) -> RowVersion {
        let keys = Arc::clone(&before.keys);
        RowVersion { rowid: before.rowid().into(), keys, image: OnceLock::new() }
    }

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
    tables: ByName<Rows>,
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
        for (table, rows) in self.tables.iter() {
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
        if self.tables.of(name).are_kept {
            return Ok(());
        }
        let whole = match self.whole {
            Some(whole) => whole,
            None => *self.whole.insert(tables.act_by_themselves(session)?),
        };
        let there = tables.all(session, name, whole)?;
        let rows = self.tables.of(name);
        rows.are_kept = true;
        for version in there {
            rows.committed.entry(version.rowid()).or_insert_with(|| Arc::new(version));
        }
        Ok(())
    }

    /// What the rows were that were just changed, and are now. `inserted`: what the columns of their keys were
    /// given, row by row, if all of them are new.
    pub(super) fn see<'a>(
        &mut self,
        session: &mut Session,
        tables: &mut Tables,
        changes: Vec<Change>,
        how: Seen,
        mut inserted: impl Iterator<Item = Vec<Bind<'a>>>,
    ) -> Result<Vec<RowChange>, Error> {
        let whole = self.reads_whole();
        let mut seen = Vec::with_capacity(changes.len());
        for Change { table, rowid, kind } in changes {
            let given = match inserted.next() {
                Some(values) if !whole => tables.inserted(session, &table, rowid, &values)?,
                _ => None,
            };
            let rows = self.tables.of(&table);
            let before = rows.view(rowid).cloned();
            let after = match (kind, &before) {
                (ChangeKind::Delete, _) => None,
                (ChangeKind::Update, Some(before)) if how == Seen::KeysStay && !whole => {
                    Some(RowVersion::with_keys_of(before))
                }
                _ if given.is_some() => given,
                _ => tables.version(session, &table, rowid, whole)?,
            };
            if cfg!(debug_assertions) {
                // What was concluded is what SQLite has.
                let there = tables.version(session, &table, rowid, false)?.map(|it| it.keys);
                assert_eq!(after.as_ref().map(|it| &it.keys), there.as_ref(), "{table} {rowid}");
            }
            let after = after.map(Arc::new);
            rows.loaded.insert(rowid, after.clone());
            if let Some(after) = after.as_ref().filter(|_| how == Seen::Replaced) {
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
        self.tables.of(table).loaded.insert(rowid, now);
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
}

impl Rows {
    /// Other rows that have a key which this one has now.
    fn replaced_by(&self, version: &RowVersion) -> Vec<i64> {
        let all: BTreeSet<i64> = self.committed.keys().chain(self.loaded.keys()).copied().collect();
        let has_one = |other: &i64| {
            let other = self.view(*other).into_iter().flat_map(|other| other.keys.iter());
            other.into_iter().any(|key| version.keys.contains(key))
        };
        all.into_iter().filter(|it| *it != version.rowid()).filter(has_one).collect()
    }
}
