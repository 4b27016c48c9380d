//! What a text does to rows, as far as that is known before it is run; found out once a text.

use std::sync::Arc;

use sqlx_core::Error;

use super::table::Tables;
use crate::authorizer::SetColumn;
use crate::session::{Cursor, Session};

/// What a text does to rows.
pub(crate) struct Effects {
    /// It is one statement that changes no row.
    pub(super) only_reads: bool,
    /// The table whose rows it changes; `None`: it changes none, or names it in a way that is not known here.
    pub(super) table: Option<Box<str>>,
    /// Rows with the keys of new ones may be gone.
    pub(super) replaces: bool,
    /// It only makes new rows and changes columns that are in no key, so that whatever row it changes is known
    /// by the same keys after it. Triggers and foreign keys may do more.
    pub(super) leaves_keys: bool,
    /// It only makes new rows. Triggers may do more.
    pub(super) only_adds: bool,
    /// Of each row that it makes, if nothing is in the way, the arguments that go into columns of keys, in their
    /// order; nothing if that is not known.
    pub(super) inserts: Vec<Vec<usize>>,
}

impl Effects {
    /// Those of a text that is about to be run.
    pub(super) fn of(
        session: &mut Session,
        tables: &mut Tables,
        cursor: &Cursor,
    ) -> Result<Arc<Effects>, Error> {
        let text = session.compile(cursor)?;
        if let Some(known) = &text.effects {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(Effects::find(session, tables, cursor)?);
        session.compile(cursor)?.effects = Some(Arc::clone(&found));
        Ok(found)
    }

    fn find(session: &mut Session, tables: &mut Tables, cursor: &Cursor) -> Result<Effects, Error> {
        let compiled = session.compile(cursor)?;
        let (text, sets) = (compiled.text().to_owned(), compiled.sets().cloned());
        let sets: Vec<SetColumn> = sets.collect();
        let is_single = !text.contains(';');
        let table = changed_by(&text);
        let replaces = text.contains("REPLACE");
        let begins = |word: &str| text.trim_ascii_start().starts_with(word);
        let makes_or_changes = begins("INSERT") || begins("UPDATE");
        let mut leaves_keys = is_single && makes_or_changes && !replaces && table.is_some();
        let only_adds = leaves_keys && begins("INSERT") && sets.is_empty();
        let mut inserts = Vec::new();
        if leaves_keys && let Some(table) = table {
            let columns = tables.key_columns(session, table)?;
            let is_of_key = |it: &SetColumn| {
                let mut columns = columns.iter().map(String::as_str).chain(["rowid"]);
                columns.any(|column| column.eq_ignore_ascii_case(&it.column))
            };
            leaves_keys = sets.iter().all(|it| &*it.table == table && !is_of_key(it));
            inserts = inserted_arguments(&text, &columns).unwrap_or_default();
        }
        let only_reads = is_single && begins("SELECT");
        let table = table.map(Into::into);
        Ok(Effects { only_reads, table, replaces, leaves_keys, only_adds, inserts })
    }
}

/// Of each row that `INSERT INTO table (…) VALUES (…), …` makes, the arguments that go into these columns;
/// `None`: the text has another form, or one of the columns is given otherwise.
fn inserted_arguments(text: &str, columns: &[String]) -> Option<Vec<Vec<usize>>> {
    let rest = text.trim_start().strip_prefix("INSERT INTO")?;
    let (_, rest) = rest.split_once('(')?;
    let (names, rest) = rest.split_once(')')?;
    let names: Vec<&str> = names.split(',').map(|name| name.trim().trim_matches('"')).collect();
    let places = columns.iter().map(|column| names.iter().position(|name| name == column));
    let places: Vec<usize> = places.collect::<Option<_>>()?;
    let mut rest = rest.trim_start().strip_prefix("VALUES")?;
    let mut rows = Vec::new();
    loop {
        let (values, after) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
        let values: Vec<&str> = values.split(',').map(str::trim).collect();
        let is_whole = |value: &&str| value.matches('\'').count().is_multiple_of(2);
        if values.len() != names.len() || !values.iter().all(is_whole) {
            return None;
        }
        let argument = |place: &usize| values[*place].strip_prefix('$')?.parse::<usize>().ok();
        let row = places.iter().map(|place| argument(place)?.checked_sub(1));
        rows.push(row.collect::<Option<_>>()?);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => break,
        }
    }
    let ends = rest.is_empty() || rest.starts_with("ON CONFLICT") || rest.starts_with("RETURNING");
    ends.then_some(rows)
}

/// The table whose rows a statement changes; `None`: it changes none, or names it in a way that is not known
/// here.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;
    use crate::install;

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

    #[test]
    fn arguments_go_into_columns() {
        let of = |text: &str| inserted_arguments(text, &["id".to_owned(), "label".to_owned()]);
        let insert = "INSERT INTO shelf (label, n, id)";
        assert_eq!(of(&format!("{insert} VALUES ($2, 7, $1)")), Some(vec![vec![0, 1]]));
        let two = format!("{insert} VALUES ($1, 'x', $2), ($3, $2, $2) ON CONFLICT DO NOTHING");
        assert_eq!(of(&two), Some(vec![vec![1, 0], vec![1, 2]]));
        assert!(of(&format!("{insert} VALUES ($1, $2, $3) RETURNING n")).is_some());
        for other in [
            "INSERT INTO shelf (label, n) VALUES ($1, $2)",
            "INSERT INTO shelf VALUES ($1, $2, $3)",
            "INSERT INTO shelf (label, n, id) SELECT $1, $2, $3",
            "INSERT INTO shelf (label, n, id) VALUES ($1, $2, 'a')",
            "INSERT INTO shelf (label, n, id) VALUES ($1, $2, lower($3))",
            "INSERT INTO shelf (label, n, id) VALUES ($1, ', $2', $3)",
            "INSERT INTO shelf (label, id, n) VALUES ($1, $2, 'a), ($1, $2, b')",
            "INSERT INTO shelf (label, n, id) VALUES ($1, $2, $3 || 'x')",
            "INSERT INTO shelf (label, n, id) VALUES ($1, $2, $3, $4)",
            "UPDATE shelf SET id = $1, label = $2",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_statement_leaves_keys_or_may_not() {
        install();
        let disk = Disk::new("effects");
        let epoch = disk.files().epoch();
        let mut session = Session::open(&disk, epoch, "effects.db").expect("a new disk");
        let mut tables = Tables::default();
        let made = "CREATE TABLE shelf (id TEXT NOT NULL PRIMARY KEY, label TEXT UNIQUE, n BIGINT);
            CREATE TABLE other (id BIGINT NOT NULL PRIMARY KEY, n BIGINT)";
        session.run(made).expect("valid");
        let mut leaves_keys = |text: &str| {
            let cursor = session.begin_run(text, true);
            let effects = Effects::of(&mut session, &mut tables, &cursor).expect("valid");
            // Asked for again, it is what was found.
            let again = Effects::of(&mut session, &mut tables, &cursor).expect("valid");
            assert!(Arc::ptr_eq(&effects, &again));
            assert!(effects.leaves_keys || !effects.only_adds);
            assert_eq!(
                effects.only_adds,
                text.starts_with("INSERT") && !text.contains("DO UPDATE")
            );
            effects.leaves_keys
        };
        assert!(leaves_keys("UPDATE shelf SET n = n + 1 WHERE id = 'a'"));
        assert!(leaves_keys("INSERT INTO shelf VALUES ('a', 'left', 1)"));
        let upsert = "INSERT INTO shelf VALUES ('a', 'b', 1) ON CONFLICT (id) DO UPDATE SET";
        assert!(leaves_keys("INSERT INTO shelf VALUES ('a', 'b', 1) ON CONFLICT (id) DO NOTHING"));
        assert!(leaves_keys(&format!("{upsert} n = 2")));
        assert!(!leaves_keys(&format!("{upsert} label = 'c'")));
        assert!(!leaves_keys("UPDATE shelf SET n = 1, id = 'b'"));
        assert!(!leaves_keys("UPDATE shelf SET LABEL = NULL"));
        assert!(!leaves_keys("UPDATE shelf SET rowid = 7"));
        assert!(!leaves_keys("UPDATE other SET id = 7"));
        assert!(!leaves_keys("UPDATE OR REPLACE shelf SET n = 1"));
        assert!(!leaves_keys("DELETE FROM shelf WHERE id = 'a'"));
        assert!(!leaves_keys("UPDATE shelf SET n = 1; UPDATE shelf SET id = 'b'"));
        assert!(!leaves_keys("SELECT 1"));
    }
}
