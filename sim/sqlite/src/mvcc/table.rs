//! What has to be known of a table so that changes of its rows can be done again and undone: its columns,
//! and what makes rows unique.

use std::collections::BTreeMap;
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
    /// The places of the columns of each unique key, the primary key first.
    keys: Vec<Vec<usize>>,
    insert: String,
    update: String,
    delete: String,
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

    /// Does a change again.
    pub(super) fn redo(&mut self, session: &mut Session, change: &RowChange) -> Result<(), Error> {
        self.change(session, &change.table, change.before.as_ref(), change.after.as_ref())
    }

    /// Undoes a change.
    pub(super) fn undo(&mut self, session: &mut Session, change: &RowChange) -> Result<(), Error> {
        self.change(session, &change.table, change.after.as_ref(), change.before.as_ref())
    }

    fn change(
        &mut self,
        session: &mut Session,
        table: &Arc<str>,
        from: Option<&Image>,
        to: Option<&Image>,
    ) -> Result<(), Error> {
        let table = self.get(session, table)?;
        let key = |image: &Image| table.keys[0].iter().map(|place| image[*place].clone()).collect();
        match (from, to) {
            (None, Some(to)) => session.ask(&table.insert, to).map(drop),
            (Some(from), None) => {
                let key: Vec<Value> = key(from);
                session.ask(&table.delete, &key).map(drop)
            }
            (Some(from), Some(to)) => {
                let mut values = to.to_vec();
                values.append(&mut key(from));
                session.ask(&table.update, &values).map(drop)
            }
            (None, None) => Ok(()),
        }
    }

    fn get(&mut self, session: &mut Session, name: &Arc<str>) -> Result<&Table, Error> {
        if !self.0.contains_key(name) {
            let table = Table::read(session, name)?;
            self.0.insert(Arc::clone(name), table);
        }
        Ok(&self.0[name])
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
        let set = columns.iter().zip(1..).map(|(column, place)| format!("{column} = ?{place}"));
        let set = set.collect::<Vec<_>>().join(", ");
        let known = |first: usize| {
            let parts = keys[0].iter().zip(first..);
            let parts = parts.map(|(place, number)| format!("{} = ?{number}", columns[*place]));
            parts.collect::<Vec<_>>().join(" AND ")
        };
        Ok(Table {
            insert: format!("INSERT INTO {table} ({all}) VALUES ({places})"),
            update: format!("UPDATE {table} SET {set} WHERE {}", known(columns.len() + 1)),
            delete: format!("DELETE FROM {table} WHERE {}", known(1)),
            keys,
        })
    }
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
