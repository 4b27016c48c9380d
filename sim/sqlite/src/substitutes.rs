//! Other statements in place of those that services run, and a list of what they run: for those who change
//! SQL to see whether anybody notices.
//!
//! Both are the process's, as its worlds are, of which one lives at a time. They look at what comes in through
//! sqlx and at migrations; whoever peeks at a disk, and what the driver asks for itself, is read past them. A
//! text that stands in for another is a text like any: it is compiled, kept and handed on under its own letters.
//! While nothing stands in for anything and nobody lists, a statement pays for one look at a flag.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};
use sqlx_core::sql_str::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::contents::mix_bytes;
use super::lock::lock;

/// Whether there is anything to be looked at.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);

static STATE: Mutex<State> = Mutex::new(State {
    instead: BTreeMap::new(),
    migrations: 0,
    was_run: false,
    refused: None,
    run: None,
});

/// Who has statements replaced, or listed: one at a time.
static TURN: Mutex<()> = Mutex::new(());

struct State {
    instead: BTreeMap<SqlText, String>,
    /// Of the migrations among them; 0 if there are none.
    migrations: u64,
    was_run: bool,
    refused: Option<String>,
    /// What was run since somebody looked; `None`: nobody lists.
    run: Option<BTreeSet<RunText>>,
}

/// A text that services have run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SqlText {
    /// As they wrote it.
    pub text: String,
    /// Whether it is a migration, which may hold several statements.
    pub is_migration: bool,
}

/// Where it was run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunText {
    /// The name of the database's disk.
    pub database: String,
    /// What was run there.
    pub sql: SqlText,
}

/// Statements are replaced as long as this lives.
#[must_use = "dropped, it has nothing replaced"]
pub struct Substitution {
    _turn: MutexGuard<'static, ()>,
}

/// What services run is listed as long as this lives.
#[must_use = "dropped, it lists nothing"]
pub struct Listing {
    _turn: MutexGuard<'static, ()>,
}

/// From now on, what is on the left is run as what is on the right. Of what a substitute does not bind, more
/// may be given than it takes: its parameters keep their numbers. Waits for whoever has statements
/// replaced or listed in this process.
pub fn substitute(pairs: impl IntoIterator<Item = (SqlText, String)>) -> Substitution {
    let turn = lock(&TURN);
    let mut state = lock(&STATE);
    state.instead = pairs.into_iter().collect();
    let migrations = state.instead.iter().filter(|(sql, _)| sql.is_migration);
    state.migrations = migrations.fold(0, |hash, (sql, instead)| {
        mix_bytes(mix_bytes(hash, sql.text.as_bytes()), instead.as_bytes()).max(1)
    });
    (state.was_run, state.refused) = (false, None);
    IS_WATCHED.store(true, Ordering::Relaxed);
    Substitution { _turn: turn }
}

/// From now on, what services run is listed, and migrations of databases that are made from now on. Waits
/// for whoever has statements replaced or listed in this process.
pub fn list_statements() -> Listing {
    let turn = lock(&TURN);
    lock(&STATE).run = Some(BTreeSet::new());
    IS_WATCHED.store(true, Ordering::Relaxed);
    Listing { _turn: turn }
}

/// A number for the migrations that are replaced: databases that were made under another one differ. 0: none
/// is.
pub fn substituted_migrations() -> u64 {
    match IS_WATCHED.load(Ordering::Relaxed) {
        true => lock(&STATE).migrations,
        false => 0,
    }
}

impl Substitution {
    /// Whether one of the substitutes was run since this was last asked.
    pub fn was_run(&self) -> bool {
        std::mem::take(&mut lock(&STATE).was_run)
    }

    /// What SQLite says of a text that it cannot compile, or a migration that it cannot apply, if there was
    /// one: a substitute, or what relies on one.
    pub fn refused(&self) -> Option<String> {
        lock(&STATE).refused.clone()
    }
}

impl Listing {
    /// What was run since this was last asked.
    pub fn take(&self) -> BTreeSet<RunText> {
        lock(&STATE).run.replace(BTreeSet::new()).unwrap_or_default()
    }
}

impl Drop for Substitution {
    fn drop(&mut self) {
        let mut state = lock(&STATE);
        state.instead.clear();
        state.migrations = 0;
        IS_WATCHED.store(false, Ordering::Relaxed);
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        lock(&STATE).run = None;
        IS_WATCHED.store(false, Ordering::Relaxed);
    }
}

/// Whether anything stands in for anything, so that more arguments may be given than a statement takes.
pub(super) fn are_there() -> bool {
    IS_WATCHED.load(Ordering::Relaxed) && !lock(&STATE).instead.is_empty()
}

/// What is run when a service says `query`.
pub(super) fn in_place_of(query: SqlStr, database: impl FnOnce() -> String) -> SqlStr {
    if !IS_WATCHED.load(Ordering::Relaxed) {
        return query;
    }
    match look(query.as_str(), false, database) {
        Some(instead) => AssertSqlSafe(instead).into_sql_str(),
        None => query,
    }
}

/// What is run for a migration, if it is not the migration.
pub(super) fn in_place_of_migration(
    text: &str,
    database: impl FnOnce() -> String,
) -> Option<String> {
    IS_WATCHED.load(Ordering::Relaxed).then(|| look(text, true, database)).flatten()
}

/// SQLite does not want it.
pub(super) fn was_refused(why: &impl ToString) {
    if are_there() {
        lock(&STATE).refused.get_or_insert_with(|| why.to_string());
    }
}

fn look(text: &str, is_migration: bool, database: impl FnOnce() -> String) -> Option<String> {
    let sql = SqlText { text: text.to_owned(), is_migration };
    let mut state = lock(&STATE);
    let instead = state.instead.get(&sql).cloned();
    state.was_run |= instead.is_some();
    if let Some(run) = &mut state.run {
        run.insert(RunText { database: database(), sql });
    }
    instead
}
