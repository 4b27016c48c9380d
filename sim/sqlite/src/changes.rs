//! Which rows committed transactions changed, heard from SQLite's own hooks.
//!
//! Changes wait in a [`Capture`] until their transaction commits; a rolled back transaction,
//! savepoint or statement takes its changes along. What a row holds now is for the reader to look
//! up (`Disk::peek`).
//!
//! SQLite does not tell about: rows replaced by `INSERT OR REPLACE`, a `DELETE` without `WHERE`
//! on a table without triggers, and tables `WITHOUT ROWID`. After a statement `OR FAIL` that
//! failed inside a transaction, the rows it did change are not told either.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use libsqlite3_sys as ffi;

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// The row is new.
    Insert,
    /// The row was there and holds something else now (or was deleted and inserted again).
    Update,
    /// The row is gone.
    Delete,
}

/// One changed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table's name.
    pub table: Arc<str>,
    /// The row's `rowid`.
    pub rowid: i64,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// One entry per row, where its first change was; the kind tells from before to after.
pub(super) fn merge(changes: Vec<Change>) -> Vec<Change> {
    if changes.len() < 2 {
        return changes;
    }
    let mut places = BTreeMap::new();
    let mut merged: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let place =
            *places.entry((Arc::clone(&change.table), change.rowid)).or_insert(merged.len());
        match merged.get_mut(place) {
            None => merged.push(change),
            Some(first) => {
                first.kind = match (first.kind, change.kind) {
                    (ChangeKind::Insert, ChangeKind::Update) => ChangeKind::Insert,
                    (ChangeKind::Delete, ChangeKind::Insert) => ChangeKind::Update,
                    (_, last) => last,
                }
            }
        }
    }
    merged
}

/// What a statement does to the stack of savepoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SavepointStep {
    Open(String),
    Release(String),
    RollBackTo(String),
}

impl SavepointStep {
    /// Reads the first words of a statement.
    pub(super) fn parse(sql: &str) -> Option<SavepointStep> {
        let mut words = sql
            .split(|letter: char| letter.is_whitespace() || letter == ';')
            .filter(|word| !word.is_empty());
        let is = |word: Option<&str>, expected: &str| {
            word.is_some_and(|word| word.eq_ignore_ascii_case(expected))
        };
        let name =
            |word: &str| word.trim_matches(|letter| "\"'`[]".contains(letter)).to_ascii_lowercase();
        let first = words.next();
        if is(first, "SAVEPOINT") {
            return words.next().map(name).map(SavepointStep::Open);
        }
        let releases = is(first, "RELEASE");
        if !releases {
            if !is(first, "ROLLBACK") {
                return None;
            }
            let mut second = words.next();
            if is(second, "TRANSACTION") {
                second = words.next();
            }
            if !is(second, "TO") {
                return None;
            }
        }
        let mut word = words.next();
        if is(word, "SAVEPOINT") {
            word = words.next();
        }
        let make = match releases {
            true => SavepointStep::Release,
            false => SavepointStep::RollBackTo,
        };
        word.map(name).map(make)
    }
}

/// How a statement ended, as far as its changes are concerned.
pub(super) struct Ending<'a> {
    /// Whether SQLite is outside any transaction now.
    pub(super) outside: bool,
    /// `None` for success, else the primary result code.
    pub(super) failure: Option<c_int>,
    /// How many changes were waiting when the statement began.
    pub(super) waiting_before: usize,
    pub(super) savepoint: Option<&'a SavepointStep>,
}

/// The changes of the transaction under way on one connection.
#[derive(Default)]
pub(super) struct Capture {
    waiting: Vec<Change>,
    savepoints: Vec<(String, usize)>,
    committing: bool,
    tables: Vec<Arc<str>>,
    /// How many changes SQLite had counted before the database was opened.
    counted_before: i64,
}

impl Capture {
    /// How many changes wait for their commit.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Those that came since so many waited.
    pub(super) fn since(&self, waiting: usize) -> &[Change] {
        self.waiting.get(waiting..).unwrap_or_default()
    }

    /// Forgets all of them.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
        self.savepoints.clear();
        self.committing = false;
    }

    /// Draws the conclusions of a statement's end. The answer is the changes that are committed
    /// now, to be emptied by the caller, or `None`.
    pub(super) fn settle(&mut self, ending: Ending<'_>) -> Option<&mut Vec<Change>> {
        if ending.outside {
            // The commit hook speaks before the commit is written; only the statement's own
            // success proves it. A broken constraint can end a statement that keeps its rows
            // (`OR FAIL`), nothing else can.
            let committed =
                self.committing && matches!(ending.failure, None | Some(ffi::SQLITE_CONSTRAINT));
            self.committing = false;
            self.savepoints.clear();
            if !committed {
                self.waiting.clear();
            }
            return match self.waiting.is_empty() {
                true => None,
                false => Some(&mut self.waiting),
            };
        }
        if ending.failure.is_some() {
            self.waiting.truncate(ending.waiting_before);
            return None;
        }
        match ending.savepoint {
            None => {}
            Some(SavepointStep::Open(name)) => {
                self.savepoints.push((name.clone(), self.waiting.len()));
            }
            Some(SavepointStep::Release(name)) => {
                if let Some(place) = self.place_of(name) {
                    self.savepoints.truncate(place);
                }
            }
            Some(SavepointStep::RollBackTo(name)) => {
                if let Some(place) = self.place_of(name) {
                    self.waiting.truncate(self.savepoints[place].1);
                    self.savepoints.truncate(place + 1);
                }
            }
        }
        None
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|(known, _)| known == name)
    }

    fn table(&mut self, name: &CStr) -> Arc<str> {
        let bytes = name.to_bytes();
        if let Some(table) = self.tables.iter().find(|table| table.as_bytes() == bytes) {
            return Arc::clone(table);
        }
        let table: Arc<str> = name.to_string_lossy().into();
        self.tables.push(Arc::clone(&table));
        table
    }
}

/// Registers the hooks of a connection.
///
/// # Safety
/// `capture` must outlive `database`, and no reference to it may live while SQLite runs on it.
pub(super) unsafe fn listen(database: *mut ffi::sqlite3, capture: *mut Capture) {
    // SAFETY: the caller keeps `capture` alive and unborrowed whenever a hook can be called.
    unsafe {
        ffi::sqlite3_update_hook(database, Some(on_update), capture.cast());
        ffi::sqlite3_commit_hook(database, Some(on_commit), capture.cast());
        ffi::sqlite3_rollback_hook(database, Some(on_rollback), capture.cast());
    }
}

unsafe extern "C" fn on_update(
    capture: *mut c_void,
    operation: c_int,
    _schema: *const c_char,
    table: *const c_char,
    rowid: ffi::sqlite3_int64,
) {
    // SAFETY: `listen` registered this pointer, and its caller vouched for it.
    let capture = unsafe { &mut *capture.cast::<Capture>() };
    // SAFETY: SQLite passes a table's name, terminated and valid during the call.
    let table = capture.table(unsafe { CStr::from_ptr(table) });
    let kind = match operation {
        ffi::SQLITE_INSERT => ChangeKind::Insert,
        ffi::SQLITE_DELETE => ChangeKind::Delete,
        _ => ChangeKind::Update,
    };
    capture.waiting.push(Change { table, rowid, kind });
}

unsafe extern "C" fn on_commit(capture: *mut c_void) -> c_int {
    // SAFETY: as in `on_update`.
    unsafe { (*capture.cast::<Capture>()).committing = true };
    0
}

unsafe extern "C" fn on_rollback(capture: *mut c_void) {
    // SAFETY: as in `on_update`.
    let capture = unsafe { &mut *capture.cast::<Capture>() };
    capture.waiting.clear();
    capture.committing = false;
}

/// Has SQL's own counts of changes begin with the opening of the database, whatever the connection has done
/// before.
///
/// # Safety
/// As of [`listen`].
pub(super) unsafe fn count_from_here(database: *mut ffi::sqlite3, capture: *mut Capture) {
    type Count =
        unsafe extern "C" fn(*mut ffi::sqlite3_context, c_int, *mut *mut ffi::sqlite3_value);
    let counts: [(&CStr, Count); 2] =
        [(c"changes", count_last_changes), (c"total_changes", count_changes)];
    for (name, count) in counts {
        let flags = ffi::SQLITE_UTF8 | ffi::SQLITE_INNOCUOUS;
        // SAFETY: the caller keeps `capture` alive and unborrowed whenever SQLite runs; there is nothing
        // to do when the function goes.
        unsafe {
            ffi::sqlite3_create_function_v2(
                database,
                name.as_ptr(),
                0,
                flags,
                capture.cast(),
                Some(count),
                None,
                None,
                None,
            );
        }
    }
}

/// What was changed up to now is not counted.
///
/// # Safety
/// `database` must be open and `capture` be what listens to it; no reference to it may live.
pub(super) unsafe fn forget_count(database: *mut ffi::sqlite3, capture: *mut Capture) {
    // SAFETY: the caller vouches for both.
    unsafe { (*capture).counted_before = ffi::sqlite3_total_changes64(database) }
}

/// # Safety
/// `context` must be that of a function that was made by [`count_from_here`].
unsafe fn counted(context: *mut ffi::sqlite3_context) -> i64 {
    // SAFETY: the caller vouches for the context, whose data is a capture.
    unsafe {
        let capture = ffi::sqlite3_user_data(context).cast::<Capture>();
        let database = ffi::sqlite3_context_db_handle(context);
        ffi::sqlite3_total_changes64(database) - (*capture).counted_before
    }
}

unsafe extern "C" fn count_changes(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    _: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite passes the context of this call.
    unsafe { ffi::sqlite3_result_int64(context, counted(context)) }
}

unsafe extern "C" fn count_last_changes(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    _: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: as in `count_changes`.
    unsafe {
        let last = match counted(context) {
            0 => 0,
            _ => ffi::sqlite3_changes64(ffi::sqlite3_context_db_handle(context)),
        };
        ffi::sqlite3_result_int64(context, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savepoint_statements_are_recognised() {
        let parse = SavepointStep::parse;
        let name = || "here".to_owned();
        assert_eq!(parse("savepoint Here;"), Some(SavepointStep::Open(name())));
        assert_eq!(parse("RELEASE \"here\""), Some(SavepointStep::Release(name())));
        assert_eq!(
            parse("ROLLBACK TRANSACTION TO\n SAVEPOINT here"),
            Some(SavepointStep::RollBackTo(name()))
        );
        assert_eq!(parse("ROLLBACK TO here"), Some(SavepointStep::RollBackTo(name())));
        assert_eq!(parse("ROLLBACK"), None);
        assert_eq!(parse("SELECT 1"), None);
    }

    #[test]
    fn changes_of_one_row_become_one() {
        let table: Arc<str> = "t".into();
        let change = |rowid, kind| Change { table: Arc::clone(&table), rowid, kind };
        use ChangeKind::{Delete, Insert, Update};
        let merged = merge(vec![
            change(1, Insert),
            change(2, Update),
            change(1, Update),
            change(3, Delete),
            change(3, Insert),
            change(2, Delete),
        ]);
        assert_eq!(merged, [change(1, Insert), change(2, Delete), change(3, Update)]);
    }
}
