//! Sessions that wait for another disk: opening a database, and compiling all its statements, costs more than
//! many a world does with them.
//!
//! A session is spared when its connection is dropped and its disk was retired, and only if nothing can be
//! left of it but rows: it has run no statement but those that read or change rows, none has failed for
//! other reasons than a constraint, none is running, and no transaction is open. It then lets go of its file as
//! SQLite has it: the log is closed, the lock is given back, no page is kept. What stays is the connection's
//! own: settings, hooks, the schema, compiled statements.
//!
//! It goes to a disk made from the same image, byte for byte, that nobody has touched: there the schema is the
//! one that its statements were compiled for. A database that was lost with its power, or whose process was
//! killed, is on a disk that was touched, so it is opened anew.

use std::mem;
use std::ptr;
use std::sync::Mutex;

use libsqlite3_sys as ffi;
use sqlx_core::Error;
use stormproof_ports::sqlite::DURABLE;

use super::changes::forget_count;
use super::disk::{Disk, Image};
use super::lock::lock;
use super::opening::Place;
use super::session::{Session, is_outside_transaction};
use super::vfs::replace_main;
use crate::Value;

/// How many wait in a process; of more, the one that has waited longest is closed.
pub(super) const SPARES_MAX: usize = 16;

/// The settings that end when a session lets go of its file. The others are the connection's, and to set
/// foreign keys again would have every statement compiled anew.
const OF_THE_FILE: [&str; 2] = ["PRAGMA locking_mode", "PRAGMA journal_mode"];

static SPARES: Mutex<Vec<Spare>> = Mutex::new(Vec::new());

struct Spare {
    /// What its disk was made from.
    origin: Image,
    session: Session,
}

/// A spare session for a database on a disk that nobody has touched.
pub(super) fn take(disk: &Disk, epoch: u64, file: &str) -> Option<Session> {
    if !disk.files().are_untouched() {
        return None;
    }
    let mut session = {
        let mut spares = lock(&SPARES);
        let fits = |spare: &Spare| spare.origin.is(disk.origin()) && spare.session.is_of(file);
        let place = spares.iter().rposition(fits)?;
        spares.remove(place).session
    };
    // One that cannot be used is closed.
    session.take_hold_of(disk, epoch).is_ok().then_some(session)
}

/// Spares a session that is being dropped, if it can be; false: it is to be closed.
pub(super) fn keep(session: &mut Session) -> bool {
    let Some(origin) = session.spared_for() else { return false };
    if session.let_go_of(&origin).is_err() {
        return false;
    }
    let session = session.moved_out();
    let surplus = {
        let mut spares = lock(&SPARES);
        spares.push(Spare { origin, session });
        (spares.len() > SPARES_MAX).then(|| spares.remove(0))
    };
    drop(surplus);
    true
}

/// How many wait for a disk of this image.
#[cfg(test)]
pub(super) fn waiting(image: &Image) -> usize {
    lock(&SPARES).iter().filter(|spare| spare.origin.is(image)).count()
}

impl Session {
    fn is_of(&self, name: &str) -> bool {
        matches!(&self.place, Place::Simulated { file, .. } if **file == *name)
    }

    /// The image of the disks that it can serve, if nothing else of it would show there.
    fn spared_for(&self) -> Option<Image> {
        let Place::Simulated { disk, .. } = &self.place else { return None };
        let is_sound = self.is_plain && self.depth == 0 && !std::thread::panicking();
        if !disk.is_retired() || !is_sound || self.check_alive().is_err() || !self.is_idle() {
            return None;
        }
        Some(disk.origin().clone())
    }

    /// Whether no statement is running and no transaction is open.
    fn is_idle(&self) -> bool {
        let database = self.database.as_ptr();
        // SAFETY: the connection is open, and SQLite hands out its own statements.
        unsafe {
            let mut statement = ffi::sqlite3_next_stmt(database, ptr::null_mut());
            while !statement.is_null() {
                if ffi::sqlite3_stmt_busy(statement) != 0 {
                    return false;
                }
                statement = ffi::sqlite3_next_stmt(database, statement);
            }
            is_outside_transaction(self.database)
        }
    }

    /// Closes the log, gives the lock back and forgets every page and whatever was done; then it lies on a
    /// disk of its own.
    fn let_go_of(&mut self, origin: &Image) -> Result<(), Error> {
        let unfit = |why: &str| Error::Protocol(format!("a session cannot be spared: {why}"));
        let known = origin.only_file().filter(|(name, _)| self.is_of(name));
        let cookie =
            known.and_then(|(_, contents)| schema_cookie(|at, bytes| contents.read(at, bytes)));
        let cookie = cookie.ok_or_else(|| unfit("its image is no database in good order"))?;
        // Virtual tables keep what they like.
        let kept = "SELECT 1 FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%' LIMIT 1";
        if !self.ask(kept, &[])?.is_empty() {
            return Err(unfit("it has virtual tables"));
        }
        for (text, expected) in [
            ("PRAGMA journal_mode=DELETE", Value::Text("delete".into())),
            ("PRAGMA locking_mode=NORMAL", Value::Text("normal".into())),
            // A look at the file, after which its lock is given back.
            ("PRAGMA schema_version", Value::Integer(cookie)),
        ] {
            if self.collect(text, &[])? != [[expected]] {
                return Err(unfit(text));
            }
        }
        let database = self.database.as_ptr();
        // SAFETY: the connection is open and in no transaction; this operation takes nothing.
        let code = unsafe {
            let main = c"main".as_ptr();
            ffi::sqlite3_file_control(
                database,
                main,
                ffi::SQLITE_FCNTL_RESET_CACHE,
                ptr::null_mut(),
            )
        };
        if code != ffi::SQLITE_OK {
            return Err(unfit("its pages are kept"));
        }
        self.single = None;
        for cache in [&mut self.statements, &mut self.peeks, &mut self.replays] {
            cache.hand_on();
        }
        // SAFETY: the capture is alive, and no hook runs now.
        unsafe { self.capture.as_mut() }.forget();
        self.move_to(&Disk::new("spare"), 1, true)
    }

    /// Opens the database of another disk, as if it had been opened anew.
    fn take_hold_of(&mut self, disk: &Disk, epoch: u64) -> Result<(), Error> {
        self.move_to(disk, epoch, false)?;
        let mut of_the_file = DURABLE.iter().filter(|it| OF_THE_FILE.contains(&it.ask));
        of_the_file.try_for_each(|pragma| self.apply(pragma))?;
        // SAFETY: the connection is open, and the capture is alive.
        unsafe {
            ffi::sqlite3_set_last_insert_rowid(self.database.as_ptr(), 0);
            forget_count(self.database.as_ptr(), self.capture.as_ptr());
        }
        Ok(())
    }

    fn move_to(&mut self, other: &Disk, other_epoch: u64, create: bool) -> Result<(), Error> {
        let Place::Simulated { disk, epoch, live, mount, file } = &mut self.place else {
            return Err(Error::Protocol("a real file is no disk".to_owned()));
        };
        let handle = other.files().open(other_epoch, file, create);
        let handle = handle.map_err(|why| Error::Protocol(format!("{file}: {why:?}")))?;
        // SAFETY: the connection has let go of its file: `let_go_of`.
        let code = unsafe { replace_main(self.database.as_ptr(), other.clone(), handle) };
        if code != ffi::SQLITE_OK {
            return Err(Error::Protocol(format!("replacing the file answered {code}")));
        }
        mount.move_to(other, other_epoch);
        *live = other.files().live.clone();
        (*disk, *epoch) = (other.clone(), other_epoch);
        Ok(())
    }

    /// All that it is, but for the duty to close it: what stays behind is dropped without a trace.
    fn moved_out(&mut self) -> Session {
        Session {
            database: self.database,
            peeks: mem::take(&mut self.peeks),
            statements: mem::take(&mut self.statements),
            replays: mem::take(&mut self.replays),
            single: None,
            place: mem::replace(&mut self.place, Place::File),
            capture: self.capture,
            depth: 0,
            tables: mem::take(&mut self.tables),
            is_plain: true,
        }
    }
}

/// The number of the schema of a database that was closed in good order, with a log to be opened again.
fn schema_cookie(read: impl FnOnce(usize, &mut [u8]) -> usize) -> Option<i64> {
    // <https://www.sqlite.org/fileformat.html#the_database_header>
    let mut header = [0; 100];
    let is_whole = read(0, &mut header) == header.len();
    let [.., 2, 2] = header[..20] else { return None };
    let cookie = header[40..44].try_into().expect("four bytes");
    is_whole.then(|| i64::from(u32::from_be_bytes(cookie)))
}
