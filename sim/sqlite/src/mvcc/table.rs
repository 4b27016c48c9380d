//! What has to be known of a table so that changes of its rows can be done again and undone: its columns,
//! and what makes rows unique.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use sqlx_core::Error;

use super::mirror::{Image, RowChange};
use crate::Value;
use crate::session::Session;

/// What a row is known by, and what no other row may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    table: Arc<str>,
    /// Which of the table's unique keys; 0 is the primary key.
    which: usize,
    /// The values of its columns, so that they can be compared.
    values: Vec<u8>,
}

/// A table.
pub(super) struct Table {
    /// Its name and those of its columns, quoted.
    name: String,
    columns: Vec<String>,
    /// The places of the columns of each unique key, the primary key first.
    keys: Vec<Vec<usize>>,
    insert: String,
    delete: String,
    /// By the places of the columns that change: who names more has SQLite write more indexes.
    updates: BTreeMap<Vec<usize>, String>,
    /// By its number.
    select: String,
}

/// Tables, as far as their rows were changed.
#[derive(Default)]
pub(super) struct Tables(BTreeMap<Arc<str>, Table>);

impl Tables {
    /// What a changed row was known by, and what it is known by now, if anything.
    pub(super) fn keys(
        &mut self,
        session: &mut Session,
        change: &RowChange,
    ) -> Result<[Vec<Key>; 2], Error> {
        let table = self.get(session, &change.table)?;
        Ok([&change.before, &change.after].map(|image| {
            let Some(image) = image else { return Vec::new() };
            let keys = table.keys.iter().enumerate().filter_map(|(which, columns)| {
                let values = encoded(image, columns)?;
                Some(Key { table: Arc::clone(&change.table), which, values })
            });
            keys.collect()
        }))
    }

    /// Makes a change by hand.
    pub(super) fn make(&mut self, session: &mut Session, change: &RowChange) -> Result<(), Error> {
        let table = self.get(session, &change.table)?;
        match (&change.before, &change.after) {
            (None, Some(to)) => session.ask(&table.insert, to).map(drop),
            (Some(from), None) => session.ask(&table.delete, &table.primary_key(from)).map(drop),
            (Some(from), Some(to)) => {
                let places: Vec<usize> = (0..to.len()).filter(|it| from[*it] != to[*it]).collect();
                if places.is_empty() {
                    return Ok(());
                }
                let mut values: Vec<Value> = places.iter().map(|it| to[*it].clone()).collect();
                values.append(&mut table.primary_key(from));
                session.ask(table.update(places), &values).map(drop)
            }
            (None, None) => Ok(()),
        }
    }

    /// What a row holds now; `None`: there is no such row.
    pub(super) fn row(
        &mut self,
        session: &mut Session,
        table: &Arc<str>,
        rowid: i64,
    ) -> Result<Option<Image>, Error> {
        let table = self.get(session, table)?;
        session.ask_for_one(&table.select, &[Value::Integer(rowid)])
    }

    fn get(&mut self, session: &mut Session, name: &Arc<str>) -> Result<&mut Table, Error> {
        match self.0.entry(Arc::clone(name)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(Table::read(session, name)?)),
        }
    }
}

impl Table {
    fn read(session: &mut Session, name: &str) -> Result<Table, Error> {
        let quoted = |word: &str| format!("\"{}\"", word.replace('"', "\"\""));
        let table = quoted(name);
        let rows = session.collect(&format!("PRAGMA table_info({table})"), &[])?;
        let columns: Vec<String> = rows.iter().map(|row| quoted(&text(&row[1]))).collect();
        let mut primary: Vec<(i64, usize)> = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            if let Some(order @ 1..) = row[5].as_i64() {
                primary.push((order, place));
            }
        }
        primary.sort_unstable();
        let primary: Vec<usize> = primary.into_iter().map(|(_, place)| place).collect();
        if primary.is_empty() {
            return Err(Error::InvalidArgument(format!(
                "the table {name} has no primary key: expected one, for transactions that overlap \
                 are told apart by the keys of the rows that they change"
            )));
        }
        let mut keys = vec![primary];
        for index in session.collect(&format!("PRAGMA index_list({table})"), &[])? {
            // The primary key's own index is known already.
            if index[2].as_i64() != Some(1) || text(&index[3]) == "pk" {
                continue;
            }
            let info = format!("PRAGMA index_info({})", quoted(&text(&index[1])));
            let places = session.collect(&info, &[])?.into_iter();
            let places = places.map(|row| row[1].as_i64().and_then(|it| usize::try_from(it).ok()));
            // An index over an expression has no columns to compare.
            keys.extend(places.collect::<Option<Vec<usize>>>());
        }
        let all = columns.join(", ");
        let places = (1..=columns.len()).map(|it| format!("?{it}")).collect::<Vec<_>>().join(", ");
        Ok(Table {
            insert: format!("INSERT INTO {table} ({all}) VALUES ({places})"),
            delete: format!("DELETE FROM {table} WHERE {}", known(&columns, &keys[0], 1)),
            updates: BTreeMap::new(),
            select: format!("SELECT * FROM {table} WHERE rowid = ?1"),
            name: table,
            columns,
            keys,
        })
    }

    fn primary_key(&self, image: &Image) -> Vec<Value> {
        self.keys[0].iter().map(|place| image[*place].clone()).collect()
    }

    /// The statement that changes the columns at these places of a row that is known by its primary key.
    fn update(&mut self, places: Vec<usize>) -> &str {
        let Table { name, columns, keys, updates, .. } = self;
        updates.entry(places).or_insert_with_key(|places| {
            let set = places.iter().zip(1..);
            let set = set.map(|(place, number)| format!("{} = ?{number}", columns[*place]));
            let set = set.collect::<Vec<_>>().join(", ");
            format!("UPDATE {name} SET {set} WHERE {}", known(columns, &keys[0], places.len() + 1))
        })
    }
}

/// The condition that the columns of a key are equal to the parameters from `first` on.
fn known(columns: &[String], key: &[usize], first: usize) -> String {
    let parts = key.iter().zip(first..);
    let parts = parts.map(|(place, number)| format!("{} = ?{number}", columns[*place]));
    parts.collect::<Vec<_>>().join(" AND ")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The values of these columns, each after its kind and its length; `None` if one of them is NULL, for
/// such rows are not equal to any other.
fn encoded(image: &Image, columns: &[usize]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for place in columns {
        let (kind, value): (u8, &[u8]) = match &image[*place] {
            Value::Null => return None,
            Value::Integer(number) => (1, &number.to_be_bytes()),
            Value::Real(number) => (2, &number.to_be_bytes()),
            Value::Text(text) => (3, text.as_bytes()),
            Value::Blob(blob) => (4, blob),
        };
        bytes.push(kind);
        bytes.extend((value.len() as u64).to_be_bytes());
        bytes.extend(value);
    }
    Some(bytes)
}
