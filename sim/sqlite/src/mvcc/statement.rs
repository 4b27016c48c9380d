//! One statement of a transaction: run, and held against what others have changed.

use std::iter;
use std::sync::Arc;

use sqlx_core::Error;

use super::effects::{self, Effects};
use super::mirror::{RowChange, RowVersion, Seen};
use super::table::Key;
use super::transactions::{Committed, Transactions};
use super::{Conflict, Isolation, Number, Turn, probe};
use crate::changes::ChangeKind;
use crate::session::Step;
use crate::statement::Bind;

/// What became of a statement.
pub(crate) enum Ran {
    /// It was run.
    Done(Vec<Step>),
    /// It has had no effect: another transaction is in its way.
    MustWait(Turn),
}

/// A row that a statement changes.
struct Touched {
    /// What it was known by; nothing if it is new.
    before: Arc<[Key]>,
    /// What it is known by then; nothing if it is gone.
    after: Arc<[Key]>,
    /// Rows that have a key which it is to be known by.
    in_the_way: Vec<Touched>,
}

impl Transactions {
    /// Runs a statement of a transaction to its end.
    ///
    /// # Errors
    /// What SQLite says, or a [`Conflict`]. The transaction can then only be rolled back.
    pub(crate) fn run(
        &mut self,
        number: Number,
        text: &str,
        keep: bool,
        arguments: &[Bind<'_>],
    ) -> Result<Ran, Error> {
        if self.open_mut(number).has_failed {
            return Err(Conflict::Aborted.into());
        }
        let awaited = self.locks.awaited(number);
        let ran = self.try_run(number, text, keep, arguments, awaited.as_ref());
        if ran.is_err() {
            self.fail(number)?;
        }
        if let Some(key) = awaited {
            self.locks.pass_on(&key);
        }
        ran
    }

    /// `awaited`: the key that it has waited for.
    fn try_run(
        &mut self,
        number: Number,
        text: &str,
        keep: bool,
        arguments: &[Bind<'_>],
        awaited: Option<&Key>,
    ) -> Result<Ran, Error> {
        self.load(number)?;
        let told = effects::told(text);
        let cursor = self.session.begin_run(told.as_deref().unwrap_or(text), keep);
        let effects = Effects::of(&mut self.session, &mut self.tables, &cursor)?;
        if effects.only_reads {
            return self.session.finish_run(cursor, arguments).map(Ran::Done);
        }
        if let Some(table) = &effects.table {
            self.mirror.keep(&mut self.session, &mut self.tables, table)?;
        }
        let how = match effects.replaces {
            true => Seen::Replaced,
            false if effects.leaves_keys => Seen::KeysStay,
            false => Seen::KeysChange,
        };
        if !effects.only_adds {
            // What it has changed there before may be changed once more.
            self.read_own(number, effects.table.as_deref())?;
        }
        let waiting = self.session.waiting();
        let ran = self.session.finish_run(cursor, arguments);
        let inserted = effects.inserts.iter().map(|places| bound(places, arguments));
        let changes = self.see_since(waiting, how, inserted)?;
        let is_refused = ran.as_ref().is_err_and(is_unique_violation);
        let is_skipped = changes.is_empty() && ran.is_ok() && probe::may_skip(text);
        let touched = match is_refused || is_skipped {
            // What a row holds that another transaction has changed is not decided yet.
            true => self.probe(text, arguments)?,
            false => touched(&changes),
        };
        // A row that it sees and that has changed since is refused whoever changes it now.
        if self.sees_what_was(number, &touched) {
            self.put_aside()?;
            return Err(Conflict::ConcurrentUpdate.into());
        }
        if let Some((key, holder)) = self.claim(number, &touched) {
            self.put_aside()?;
            if self.locks.waits_at_last_for(holder, number) {
                return Err(Conflict::Deadlock.into());
            }
            let was_its_turn = awaited == Some(&key);
            return Ok(Ran::MustWait(self.locks.wait(key, number, was_its_turn)));
        }
        if self.is_taken_since(number, &touched) {
            self.put_aside()?;
            return Err(match probe::may_skip(text) {
                true => Conflict::ConcurrentUpdate.into(),
                false => Conflict::NotUnique.into(),
            });
        }
        let steps = ran?;
        self.open_mut(number).changes.extend(changes);
        Ok(Ran::Done(steps))
    }

    /// What rows were changed since so many changes waited, and how. `inserted`: what the columns of keys were
    /// given, a row each, if the rows are new.
    fn see_since<'a>(
        &mut self,
        waiting: usize,
        how: Seen,
        inserted: impl ExactSizeIterator<Item = Vec<Bind<'a>>>,
    ) -> Result<Vec<RowChange>, Error> {
        let changes = self.session.changes_since(waiting);
        // A row that was in the way was changed instead, or nothing was: then it is not known which are new.
        let all_new = changes.len() == inserted.len()
            && changes.iter().all(|change| change.kind == ChangeKind::Insert);
        let inserted = inserted.take(if all_new { changes.len() } else { 0 });
        self.mirror.see(&mut self.session, &mut self.tables, changes, how, inserted)
    }

    /// What a statement would change if nothing were refused; nothing is changed.
    fn probe(&mut self, text: &str, arguments: &[Bind<'_>]) -> Result<Vec<Touched>, Error> {
        let number = self.loaded.expect("it has just run");
        // It has changed nothing, and what it is run as may replace rows that the transaction has made.
        self.read_own(number, None)?;
        let waiting = self.session.waiting();
        let forced = self.session.run_for_rows(&probe::forced(text), false, arguments);
        let changes = self.see_since(waiting, Seen::Replaced, iter::empty())?;
        self.put_aside()?;
        self.load(number)?;
        // What cannot be forced, a foreign key say, is refused for reasons of its own.
        if forced.is_err() {
            return Ok(Vec::new());
        }
        let (mut replaced, mut touched): (Vec<_>, Vec<_>) =
            touched(&changes).into_iter().partition(|it| it.after.is_empty());
        for row in &mut touched {
            row.in_the_way.append(&mut replaced);
        }
        Ok(touched)
    }

    /// Locks what is touched, key by key, up to one that another transaction has locked: that one, and
    /// who has it. A key that another row has is looked at when its turn comes, and is the last.
    fn claim(&mut self, number: Number, touched: &[Touched]) -> Option<(Key, Number)> {
        for row in touched {
            let after = match Arc::ptr_eq(&row.before, &row.after) {
                true => &[],
                false => &*row.after,
            };
            for key in row.before.iter().chain(after) {
                let taken = row.in_the_way.iter().find(|it| it.before.contains(key));
                let holder = match taken {
                    Some(_) => self.locks.holder(key),
                    None => self.locks.lock(key, number),
                };
                match (holder, taken) {
                    (Some(holder), _) if holder != number => return Some((key.clone(), holder)),
                    (Some(_), _) => {}
                    (None, None) => self.open_mut(number).keys.push(key.clone()),
                    (None, Some(taken)) => {
                        let mut keys = taken.before.iter();
                        return keys.find_map(|key| {
                            let other = self.locks.holder(key).filter(|other| *other != number)?;
                            Some((key.clone(), other))
                        });
                    }
                }
            }
        }
        None
    }

    /// Whether a row that it is to change was changed since its snapshot.
    fn sees_what_was(&self, number: Number, touched: &[Touched]) -> bool {
        let mut keys = touched.iter().flat_map(|row| row.before.iter());
        keys.any(|key| self.since(number).any(|commit| commit.keys.contains(key)))
    }

    /// Whether a row that it does not see has a key that it is to give to another.
    fn is_taken_since(&self, number: Number, touched: &[Touched]) -> bool {
        let mut keys = touched.iter().flat_map(|row| row.after.iter());
        keys.any(|key| {
            let mut last = self.since(number).filter_map(|commit| commit.leaves(key));
            last.next().unwrap_or(false)
        })
    }

    /// What was committed since its snapshot, the last first.
    fn since(&self, number: Number) -> impl Iterator<Item = &Committed> {
        let open = &self.open[&number];
        let seen = match open.isolation {
            Isolation::ReadCommitted => self.committed,
            Isolation::RepeatableRead => open.snapshot.unwrap_or(self.committed),
        };
        self.commits.iter().rev().take_while(move |commit| commit.number > seen)
    }
}

/// The arguments at these places; a missing one is refused elsewhere.
fn bound<'a>(places: &[usize], arguments: &[Bind<'a>]) -> Vec<Bind<'a>> {
    places.iter().map(|place| arguments.get(*place).copied().unwrap_or(Bind::Null)).collect()
}

fn touched(changes: &[RowChange]) -> Vec<Touched> {
    let keys = |version: &Option<Arc<RowVersion>>| {
        version.as_ref().map(|version| Arc::clone(&version.keys)).unwrap_or_default()
    };
    let touched = changes.iter().map(|change| {
        let [before, after] = [&change.before, &change.after].map(keys);
        Touched { before, after, in_the_way: Vec::new() }
    });
    touched.collect()
}

/// Whether a row was refused because another one has its key.
fn is_unique_violation(error: &Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}
