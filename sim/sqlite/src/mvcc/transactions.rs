//! The transactions of a database: begun, loaded, put aside, committed and undone.

use std::collections::BTreeMap;
use std::{iter, mem};

use sqlx_core::Error;

use super::locks::Locks;
use super::mirror::{Mirror, RowChange, Seen};
use super::table::{Key, Tables};
use super::{Conflict, Isolation, Number, Owner};
use crate::Value;
use crate::reader::Reader;
use crate::session::Session;

/// All transactions of one database.
pub(crate) struct Transactions {
    pub(super) session: Session,
    pub(super) tables: Tables,
    pub(super) mirror: Mirror,
    pub(super) open: BTreeMap<Number, Open>,
    pub(super) loaded: Option<Number>,
    /// Who has changed which rows.
    pub(super) locks: Locks,
    /// What was committed and is not in every snapshot, the oldest first.
    pub(super) commits: Vec<Committed>,
    /// How many commits there were.
    pub(super) committed: u64,
    last: Number,
}

pub(super) struct Open {
    pub(super) isolation: Isolation,
    owner: Owner,
    /// How many commits its statements see; decided by the first.
    pub(super) snapshot: Option<u64>,
    pub(super) changes: Vec<RowChange>,
    /// Of the rows that it has changed; locked.
    pub(super) keys: Vec<Key>,
    /// Whether it is loaded over what was committed since its snapshot.
    is_rebased: bool,
    pub(super) has_failed: bool,
    /// How much was changed before each of them.
    savepoints: Vec<usize>,
}

pub(super) struct Committed {
    /// Which commit it was, from 1.
    pub(super) number: u64,
    pub(super) changes: Vec<RowChange>,
    pub(super) keys: Vec<Key>,
    /// Of those keys, the ones that rows have after it.
    left: Vec<Key>,
}

impl Committed {
    /// Whether there is a row with this key after it; `None` if it has not touched any.
    pub(super) fn leaves(&self, key: &Key) -> Option<bool> {
        self.keys.contains(key).then(|| self.left.contains(key))
    }
}

impl Reader for Transactions {
    /// Sees what is committed.
    fn peek(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        self.put_aside()?;
        self.session.peek(sql, params)
    }

    fn prepared(&self) -> Vec<String> {
        self.session.prepared()
    }
}

impl Transactions {
    /// Of a database that was just opened and that nobody else uses.
    pub(crate) fn new(mut session: Session) -> Transactions {
        let tables = mem::take(&mut session.tables);
        Transactions {
            session,
            tables,
            mirror: Mirror::default(),
            open: BTreeMap::new(),
            loaded: None,
            locks: Locks::default(),
            commits: Vec::new(),
            committed: 0,
            last: 0,
        }
    }

    /// Begins a transaction. It sees nothing yet.
    pub(crate) fn begin(&mut self, isolation: Isolation, owner: Owner) -> Number {
        self.last += 1;
        let open = Open {
            isolation,
            owner,
            snapshot: None,
            changes: Vec::new(),
            keys: Vec::new(),
            is_rebased: false,
            has_failed: false,
            savepoints: Vec::new(),
        };
        self.open.insert(self.last, open);
        self.last
    }

    /// It can only be rolled back from here on, to a savepoint or altogether. If there is no savepoint,
    /// others need not wait for that.
    pub(crate) fn fail(&mut self, number: Number) -> Result<(), Error> {
        self.locks.stop_waiting(number);
        let open = self.open_mut(number);
        open.has_failed = true;
        match open.savepoints.is_empty() {
            true => self.let_go(number),
            false => Ok(()),
        }
    }

    /// Undoes what the owner has open: each of its transactions can only be rolled back from here on.
    pub(crate) fn evict(&mut self, owner: Owner) -> Result<(), Error> {
        let open = self.open.iter().filter(|(_, open)| open.owner == owner);
        for number in open.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.open_mut(number).savepoints.clear();
            self.fail(number)?;
        }
        Ok(())
    }

    /// The database has lost its power: nobody waits for anybody any more.
    pub(crate) fn end_all(&mut self) {
        self.locks.let_all_go();
    }

    /// Whether it has changed anything.
    pub(crate) fn has_changed(&self, number: Number) -> bool {
        !self.open[&number].changes.is_empty()
    }

    /// How many savepoints it has.
    pub(crate) fn savepoints(&self, number: Number) -> usize {
        self.open[&number].savepoints.len()
    }

    /// Marks a place to go back to.
    pub(crate) fn savepoint(&mut self, number: Number) {
        let open = self.open_mut(number);
        open.savepoints.push(open.changes.len());
    }

    /// Forgets the last savepoint; false: there is none.
    pub(crate) fn release(&mut self, number: Number) -> bool {
        self.open_mut(number).savepoints.pop().is_some()
    }

    /// Back to the last savepoint, which is forgotten. Locks stay.
    pub(crate) fn roll_back_to_savepoint(&mut self, number: Number) -> Result<(), Error> {
        let open = self.open_mut(number);
        let savepoint = open.savepoints.pop().unwrap_or(0);
        open.has_failed = false;
        let undone = open.changes.split_off(savepoint);
        if self.loaded == Some(number) {
            self.put_aside()?;
        }
        drop(undone);
        Ok(())
    }

    /// Commits a transaction.
    ///
    /// # Errors
    /// [`Conflict::Aborted`] if a statement has failed before; what SQLite says. Nothing is committed
    /// then.
    pub(crate) fn commit(&mut self, number: Number) -> Result<(), Error> {
        let written = self.write(number);
        if written.is_err() {
            self.roll_back(number)?;
            return written;
        }
        let keys = self.unlock(number);
        let Open { changes, .. } = self.open.remove(&number).expect("it is open");
        if !changes.is_empty() {
            self.committed += 1;
            if self.has_snapshots() {
                let mut left = Vec::new();
                for RowChange { before, after, .. } in &changes {
                    if let Some(before) = before {
                        left.retain(|key| !before.keys.contains(key));
                    }
                    left.extend(after.iter().flat_map(|after| after.keys.iter().cloned()));
                }
                self.commits.push(Committed { number: self.committed, changes, keys, left });
            }
        }
        self.forget_commits();
        Ok(())
    }

    /// Makes what a transaction has changed durable.
    fn write(&mut self, number: Number) -> Result<(), Error> {
        let open = self.open_mut(number);
        if open.has_failed {
            return Err(Conflict::Aborted.into());
        }
        if open.is_rebased {
            // What it does not see is there again.
            self.put_aside()?;
        }
        if self.loaded != Some(number) {
            if self.open_mut(number).changes.is_empty() {
                return Ok(());
            }
            self.open_mut(number).snapshot = Some(self.committed);
            self.load(number)?;
        }
        if self.session.has_only_read() {
            // Whoever is loaded next reads on.
            return self.put_aside();
        }
        self.session.commit()?;
        self.mirror.commit();
        self.loaded = None;
        Ok(())
    }

    /// Undoes a transaction.
    pub(crate) fn roll_back(&mut self, number: Number) -> Result<(), Error> {
        let undone = self.let_go(number);
        self.open.remove(&number);
        self.forget_commits();
        undone
    }

    /// Undoes what it has changed, and lets others go on.
    fn let_go(&mut self, number: Number) -> Result<(), Error> {
        self.open_mut(number).changes.clear();
        let undone = match self.loaded == Some(number) {
            true => self.put_aside(),
            false => Ok(()),
        };
        self.unlock(number);
        undone
    }

    /// Whether the database still has its power.
    pub(crate) fn is_alive(&self) -> bool {
        self.session.check_alive().is_ok()
    }

    /// How many texts are kept prepared.
    pub(crate) fn cached(&self) -> usize {
        self.session.cached()
    }

    /// For whoever reads past all transactions: what is committed, outside any transaction.
    pub(crate) fn committed(&mut self) -> Result<&mut Session, Error> {
        self.put_aside()?;
        self.session.roll_back()?;
        Ok(&mut self.session)
    }

    /// Lets others go on; says what was locked.
    fn unlock(&mut self, number: Number) -> Vec<Key> {
        let keys = mem::take(&mut self.open_mut(number).keys);
        self.locks.stop_waiting(number);
        keys.iter().for_each(|key| self.locks.unlock(key, number));
        keys
    }

    /// Makes `number` the transaction that is open in SQLite.
    pub(super) fn load(&mut self, number: Number) -> Result<(), Error> {
        if self.open_mut(number).isolation == Isolation::RepeatableRead
            && !self.mirror.reads_whole()
        {
            self.put_aside()?;
            self.mirror.read_whole(&mut self.session, &mut self.tables)?;
        }
        let committed = self.committed;
        let open = self.open_mut(number);
        let snapshot = *match open.isolation {
            Isolation::ReadCommitted => open.snapshot.insert(committed),
            Isolation::RepeatableRead => open.snapshot.get_or_insert(committed),
        };
        if self.loaded == Some(number) {
            return Ok(());
        }
        self.put_aside()?;
        if self.session.depth == 0 {
            self.session.begin(None)?;
        }
        self.loaded = Some(number);
        self.make_so(number, snapshot)
    }

    /// What is committed becomes what the transaction sees.
    fn make_so(&mut self, number: Number, snapshot: u64) -> Result<(), Error> {
        let commits = self.commits.iter().rev().take_while(|commit| commit.number > snapshot);
        let undone: Vec<RowChange> =
            commits.flat_map(|commit| commit.changes.iter().rev()).map(RowChange::undone).collect();
        let open = self.open_mut(number);
        open.is_rebased = !undone.is_empty();
        let done = mem::take(&mut open.changes);
        let made = undone.iter().chain(&done).try_for_each(|change| self.make(change));
        self.open_mut(number).changes = done;
        made
    }

    /// Makes a change of the loaded transaction in SQLite.
    fn make(&mut self, change: &RowChange) -> Result<(), Error> {
        let waiting = self.session.waiting();
        self.tables.make(&mut self.session, change)?;
        let changes = self.session.changes_since(waiting);
        match changes.as_slice() {
            [one] => self.mirror.know(&one.table, one.rowid, change.after.clone()),
            // Triggers and foreign keys may change more.
            _ => {
                let (session, tables) = (&mut self.session, &mut self.tables);
                self.mirror.see(session, tables, changes, Seen::KeysChange, iter::empty())?;
            }
        }
        Ok(())
    }

    /// Nobody is loaded. Where nothing was changed, SQLite's transaction stays open for the next one: then
    /// it sees what is committed, for nobody else commits.
    pub(super) fn put_aside(&mut self) -> Result<(), Error> {
        let Some(number) = self.loaded.take() else { return Ok(()) };
        if self.session.has_only_read() {
            return self.session.check_alive();
        }
        self.read_own(number, None)?;
        self.mirror.put_aside();
        self.session.roll_back()
    }

    /// Reads what the loaded transaction has made of rows, of this table or of all, while it is still
    /// there.
    pub(super) fn read_own(&mut self, number: Number, table: Option<&str>) -> Result<(), Error> {
        let Transactions { session, tables, open, .. } = self;
        let changes = open.get(&number).into_iter().flat_map(|open| &open.changes);
        for RowChange { table: changed, after, .. } in changes {
            if let Some(after) = after
                && table.is_none_or(|table| **changed == *table)
            {
                tables.read(session, changed, after)?;
            }
        }
        Ok(())
    }

    /// Whether anybody sees what was.
    fn has_snapshots(&self) -> bool {
        let mut open = self.open.values();
        open.any(|it| it.isolation == Isolation::RepeatableRead && it.snapshot.is_some())
    }

    /// Forgets what every open snapshot sees.
    fn forget_commits(&mut self) {
        let mut seen = self.committed;
        for open in self.open.values() {
            if let (Isolation::RepeatableRead, Some(snapshot)) = (open.isolation, open.snapshot) {
                seen = seen.min(snapshot);
            }
        }
        self.commits.retain(|commit| commit.number > seen);
    }

    pub(super) fn open_mut(&mut self, number: Number) -> &mut Open {
        self.open.get_mut(&number).expect("it is open")
    }
}

impl Drop for Transactions {
    /// What was found out about tables stays with the session, and what was left open for whoever is next is
    /// closed.
    fn drop(&mut self) {
        self.session.tables = mem::take(&mut self.tables);
        if self.loaded.is_none() && self.session.has_only_read() {
            // An error says that the database has lost power, and has forgotten it by itself.
            self.session.roll_back().ok();
        }
    }
}
