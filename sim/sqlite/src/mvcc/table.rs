//! What has to be known of a table so that changes of its rows can be done again and undone: its columns,
//! and what makes rows unique.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock};

use sqlx_core::Error;

use super::by_name::ByName;
use super::mirror::{Image, RowChange, RowVersion};
use crate::Value;
use crate::lock::lock;
use crate::session::Session;
use crate::statement::Bind;

/// What a row is known by, and what no other row may have.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// The same string for all keys of a table, as a rule.
    table: Arc<str>,
    /// Which of the table's unique keys; 0 is the primary key.
    which: usize,
    /// The values of its columns, so that they can be compared.
    values: Arc<[u8]>,
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        let tables = match Arc::ptr_eq(&self.table, &other.table) {
            true => Ordering::Equal,
            false => self.table.cmp(&other.table),
        };
        let which = tables.then_with(|| self.which.cmp(&other.which));
        which.then_with(|| self.values.cmp(&other.values))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

/// What is not converted when it goes into a column of a declared type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Integers,
    Texts,
    Nothing,
}

impl Kept {
    /// By SQLite's rules of affinity (<https://www.sqlite.org/datatype3.html>, 3.1), in their order.
    fn by(declared: &str) -> Kept {
        let declared = declared.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        match declared {
            _ if has(&["INT"]) => Kept::Integers,
            _ if has(&["CHAR", "CLOB", "TEXT"]) => Kept::Texts,
            _ => Kept::Nothing,
        }
    }

    fn keeps(self, value: &Bind<'_>) -> bool {
        match self {
            Kept::Integers => matches!(value, Bind::Integer(_)),
            Kept::Texts => matches!(value, Bind::Text(_)),
            Kept::Nothing => false,
        }
    }
}

/// A table.
pub(super) struct Table {
    name: Arc<str>,
    /// The columns of keys: their names, and what of theirs SQLite keeps as it is given.
    key_columns: Vec<(String, Kept)>,
    /// The places of the columns of each unique key, the primary key first.
    keys: Vec<Vec<usize>>,
    /// The same places among the columns of keys alone.
    keys_alone: Vec<Vec<usize>>,
    insert: String,
    delete: String,
    /// Of all columns; who names those of keys has SQLite write their indexes.
    update: String,
    /// The places of the other columns, and their statement, if there are any.
    others: Vec<usize>,
    update_others: Option<String>,
    /// All columns of a row by its number, and those of keys.
    select: String,
    select_keys: String,
    /// The same of all rows, each after its number.
    select_all: String,
    select_all_keys: String,
}

/// Tables, as far as their rows were changed.
#[derive(Default)]
pub(crate) struct Tables {
    tables: ByName<Arc<Table>>,
    act_by_themselves: Option<bool>,
}

/// The tables of all databases of this process by what SQLite keeps of their making: what was found out
/// about one holds for all that were made alike.
static KNOWN: Mutex<BTreeMap<String, Arc<Table>>> = Mutex::new(BTreeMap::new());

impl Tables {
    /// Makes a change by hand: inserts, changes or deletes the row that `before` is the number of.
    pub(super) fn make(&mut self, session: &mut Session, change: &RowChange) -> Result<(), Error> {
        let table = self.get(session, &change.table)?;
        let number = |version: &RowVersion| Value::Integer(version.rowid());
        match (&change.before, &change.after) {
            (None, Some(to)) => {
                session.ask(&table.insert, to.image())?;
                to.rowid.store(session.last_insert_rowid(), Relaxed);
                Ok(())
            }
            (Some(from), None) => session.ask(&table.delete, &[number(from)]).map(drop),
            (Some(from), Some(to)) => {
                let image = to.image();
                // A key that holds a NULL is none, and may have changed unseen.
                let keeps_keys = from.keys == to.keys && to.keys.len() == table.keys.len();
                let (text, mut values) = match &table.update_others {
                    Some(text) if keeps_keys => {
                        (text, table.others.iter().map(|it| image[*it].clone()).collect())
                    }
                    _ => (&table.update, image.to_vec()),
                };
                values.push(number(from));
                to.rowid.store(from.rowid(), Relaxed);
                session.ask(text, &values).map(drop)
            }
            (None, None) => Ok(()),
        }
    }

    /// A row as it is now; `None`: there is no such row.
    pub(super) fn version(
        &mut self,
        session: &mut Session,
        name: &str,
        rowid: i64,
        whole: bool,
    ) -> Result<Option<RowVersion>, Error> {
        let table = self.get(session, name)?;
        let select = if whole { &table.select } else { &table.select_keys };
        session.ask_for_one(select, &[Value::Integer(rowid)], |row| table.of(rowid, row, whole))
    }

    /// All rows of a table as they are now.
    pub(super) fn all(
        &mut self,
        session: &mut Session,
        name: &str,
        whole: bool,
    ) -> Result<Vec<RowVersion>, Error> {
        let table = self.get(session, name)?;
        let select = if whole { &table.select_all } else { &table.select_all_keys };
        session.ask_for_each(select, &[], |row| {
            let Some((Bind::Integer(rowid), row)) = row.split_first() else {
                unreachable!("a row has a number");
            };
            table.of(*rowid, row, whole)
        })
    }

    /// Reads what a row holds, if nobody has yet. It is still there.
    pub(super) fn read(
        &mut self,
        session: &mut Session,
        name: &str,
        version: &RowVersion,
    ) -> Result<(), Error> {
        if version.image.get().is_none() {
            let table = self.get(session, name)?;
            let image = |row: &[Bind<'_>]| row.iter().map(|value| Value::from(*value)).collect();
            let rowid = Value::Integer(version.rowid());
            let image = session.ask_for_one(&table.select, &[rowid], image)?;
            let gone = || Error::Protocol(format!("row {} of {name} is gone", version.rowid()));
            version.image.set(image.ok_or_else(gone)?).ok();
        }
        Ok(())
    }

    /// Whether a statement may change rows of tables that it does not name: there is a trigger, or a foreign
    /// key, which may do something.
    pub(super) fn act_by_themselves(&mut self, session: &mut Session) -> Result<bool, Error> {
        if let Some(known) = self.act_by_themselves {
            return Ok(known);
        }
        let acting = session.collect(
            "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' OR sql LIKE '%REFERENCES%' LIMIT 1",
            &[],
        )?;
        Ok(*self.act_by_themselves.insert(!acting.is_empty()))
    }

    /// A row that was just inserted with these values for the columns of its keys, in the order of
    /// [`key_columns`](Tables::key_columns); `None`: SQLite may have made something else of them.
    pub(super) fn inserted(
        &mut self,
        session: &mut Session,
        name: &str,
        rowid: i64,
        values: &[Bind<'_>],
    ) -> Result<Option<RowVersion>, Error> {
        let table = self.get(session, name)?;
        let mut columns = table.key_columns.iter().zip(values);
        let are_kept = columns.all(|((_, kept), value)| kept.keeps(value));
        Ok(are_kept.then(|| table.of(rowid, values, false)))
    }

    /// Names of the columns of keys.
    pub(super) fn key_columns(
        &mut self,
        session: &mut Session,
        table: &str,
    ) -> Result<Vec<String>, Error> {
        let columns = &self.get(session, table)?.key_columns;
        Ok(columns.iter().map(|(name, _)| name.clone()).collect())
    }

    fn get(&mut self, session: &mut Session, name: &str) -> Result<&Table, Error> {
        let place = match self.tables.place(name) {
            Some(place) => place,
            None => self.tables.push(name, Tables::find(session, name)?),
        };
        Ok(self.tables.at(place))
    }

    /// What the process knows of a table, or is read now.
    fn find(session: &mut Session, name: &str) -> Result<Arc<Table>, Error> {
        let made = session.ask(
            "SELECT group_concat(sql, ';') FROM sqlite_schema WHERE tbl_name = ?1",
            &[Value::Text(name.to_owned())],
        )?;
        let made = made.first().map(|row| text(&row[0])).unwrap_or_default();
        if let Some(known) = lock(&KNOWN).get(&made) {
            return Ok(Arc::clone(known));
        }
        let table = Arc::new(Table::read(session, name)?);
        if !made.is_empty() {
            lock(&KNOWN).insert(made, Arc::clone(&table));
        }
        Ok(table)
    }
}

impl Table {
    fn read(session: &mut Session, name: &str) -> Result<Table, Error> {
        let quoted = |word: &str| format!("\"{}\"", word.replace('"', "\"\""));
        let table = quoted(name);
        let rows = session.collect(&format!("PRAGMA table_info({table})"), &[])?;
        let names: Vec<String> = rows.iter().map(|row| text(&row[1])).collect();
        let kept: Vec<Kept> = rows.iter().map(|row| Kept::by(&text(&row[2]))).collect();
        let columns: Vec<String> = names.iter().map(|name| quoted(name)).collect();
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
        let mut alone: Vec<usize> = keys.concat();
        alone.sort_unstable();
        alone.dedup();
        let place = |column: &usize| alone.iter().position(|it| it == column).expect("it is one");
        let keys_alone = keys.iter().map(|key| key.iter().map(place).collect()).collect();
        let key_columns = alone.iter().map(|it| &*columns[*it]).collect::<Vec<_>>().join(", ");
        let all = columns.join(", ");
        let places = (1..=columns.len()).map(|it| format!("?{it}")).collect::<Vec<_>>().join(", ");
        let others: Vec<usize> = (0..columns.len()).filter(|it| !alone.contains(it)).collect();
        let everything: Vec<usize> = (0..columns.len()).collect();
        let update = |places: &[usize]| {
            let set = places.iter().zip(1..);
            let set = set.map(|(place, number)| format!("{} = ?{number}", columns[*place]));
            let set = set.collect::<Vec<_>>().join(", ");
            format!("UPDATE {table} SET {set} WHERE rowid = ?{}", places.len() + 1)
        };
        Ok(Table {
            name: name.into(),
            key_columns: alone.iter().map(|it| (names[*it].clone(), kept[*it])).collect(),
            insert: format!("INSERT INTO {table} ({all}) VALUES ({places})"),
            delete: format!("DELETE FROM {table} WHERE rowid = ?1"),
            update: update(&everything),
            update_others: (!others.is_empty()).then(|| update(&others)),
            others,
            select: format!("SELECT * FROM {table} WHERE rowid = ?1"),
            select_keys: format!("SELECT {key_columns} FROM {table} WHERE rowid = ?1"),
            select_all: format!("SELECT rowid, * FROM {table}"),
            select_all_keys: format!("SELECT rowid, {key_columns} FROM {table}"),
            keys_alone,
            keys,
        })
    }

    /// The version of a row with these values: all of them, or those of its keys.
    fn of(&self, rowid: i64, values: &[Bind<'_>], whole: bool) -> RowVersion {
        let keys = if whole { &self.keys } else { &self.keys_alone };
        let mut bytes = Vec::with_capacity(128);
        let keys = keys.iter().enumerate().filter_map(|(which, columns)| {
            encode(values, columns, &mut bytes)?;
            Some(Key { table: Arc::clone(&self.name), which, values: bytes.as_slice().into() })
        });
        let keys = keys.collect();
        let image = match whole {
            true => OnceLock::from(Image::from_iter(values.iter().map(|it| Value::from(*it)))),
            false => OnceLock::new(),
        };
        RowVersion { rowid: rowid.into(), keys, image }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The values of these columns, each after its kind and its length; `None` if one of them is NULL, for
/// such rows are not equal to any other.
fn encode(values: &[Bind<'_>], columns: &[usize], bytes: &mut Vec<u8>) -> Option<()> {
    bytes.clear();
    for place in columns {
        let (kind, value): (u8, &[u8]) = match &values[*place] {
            Bind::Null => return None,
            Bind::Integer(number) => (1, &number.to_be_bytes()),
            Bind::Real(number) => (2, &number.to_be_bytes()),
            Bind::Text(text) => (3, text.as_bytes()),
            Bind::Blob(blob) => (4, blob),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
        bytes.extend_from_slice(value);
    }
    Some(())
}
