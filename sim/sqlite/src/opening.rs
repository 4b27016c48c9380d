//! Opening a database: on a simulated disk, or in a real file. What a session can be spared (`spares.rs`)
//! on a disk that nobody has touched yet, it is spared.

use std::ffi::{CString, c_char, c_int};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use libsqlite3_sys as ffi;
use sqlx_core::Error;
use stormproof_ports::sqlite::{DURABLE, Pragma};

use super::cache::Cache;
use super::changes::{Capture, count_from_here, listen};
use super::disk::Disk;
use super::error::SqliteError;
use super::mount::Mount;
use super::mvcc::Tables;
use super::session::Session;
use super::{authorizer, spares, vfs};

/// What every connection starts with, before it is made [`DURABLE`]; none of it looks at the file.
/// Pages are small because rows are, and every commit copies and sums whole pages. The log is kept
/// so short that it stays in the processor's cache.
const SETTINGS: &str = "PRAGMA page_size=1024;
PRAGMA temp_store=MEMORY;
PRAGMA wal_autocheckpoint=256;";

/// What undoes a savepoint need not be in a file, of which nothing is left after a crash anyway.
const FILE_SETTINGS: &str = "PRAGMA temp_store=MEMORY;";

/// How long another process's lock on a real file is waited for.
const BUSY_MS: c_int = 500;

/// Where a database lies.
pub(super) enum Place {
    /// On a simulated disk, which hears of the rows that commits changed; alive as long as the disk is in
    /// this epoch.
    Simulated { disk: Disk, epoch: u64, live: Arc<AtomicU64>, mount: Mount, file: Box<str> },
    /// In a real file, by SQLite's own means.
    File,
}

impl Session {
    /// Opens or creates a database on a simulated disk and applies the settings, or takes a spare session
    /// that has done so before.
    pub(super) fn open(disk: &Disk, epoch: u64, file: &str) -> Result<Session, Error> {
        if let Some(spare) = spares::take(disk, epoch, file) {
            return Ok(spare);
        }
        let code = vfs::register();
        if code != ffi::SQLITE_OK {
            return Err(Error::Protocol(format!("registering the VFS answered {code}")));
        }
        let mount = Mount::new(disk, epoch);
        let path = mount.path(file);
        let (disk, live) = (disk.clone(), disk.files().live.clone());
        let place = Place::Simulated { disk, epoch, live, mount, file: file.into() };
        let mut session = Session::open_by(path.into_bytes(), vfs::NAME.as_ptr(), place)?;
        // SAFETY: the capture is freed after the connection is closed (see `Drop`), and borrowed
        // only between calls of SQLite.
        unsafe {
            listen(session.database.as_ptr(), session.capture.as_ptr());
            count_from_here(session.database.as_ptr(), session.capture.as_ptr());
            authorizer::listen(session.database);
        }
        session.run(SETTINGS)?;
        session.make_durable()?;
        session.is_plain = true;
        Ok(session)
    }

    /// Opens or creates a database in a real file and makes it durable. Another process that is about to
    /// let go of it is waited for.
    pub(super) fn open_file(path: Vec<u8>) -> Result<Session, Error> {
        let mut session = Session::open_by(path, ptr::null(), Place::File)?;
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_busy_timeout(session.database.as_ptr(), BUSY_MS) };
        session.run(FILE_SETTINGS)?;
        session.make_durable()?;
        Ok(session)
    }

    /// `vfs`: a terminated name, or null for SQLite's own.
    fn open_by(path: Vec<u8>, vfs: *const c_char, place: Place) -> Result<Session, Error> {
        let path = CString::new(path)
            .map_err(|_| Error::InvalidArgument("a file name contains a NUL".to_owned()))?;
        let flags = ffi::SQLITE_OPEN_READWRITE
            | ffi::SQLITE_OPEN_CREATE
            | ffi::SQLITE_OPEN_NOMUTEX
            | ffi::SQLITE_OPEN_EXRESCODE;
        let mut raw = ptr::null_mut();
        // SAFETY: path and VFS name are terminated; `raw` receives a connection even on failure
        // (except without memory), which is closed then and not used again.
        let database = unsafe {
            let code = ffi::sqlite3_open_v2(path.as_ptr(), &mut raw, flags, vfs);
            match NonNull::new(raw) {
                Some(database) if code == ffi::SQLITE_OK => database,
                Some(database) => {
                    let error = SqliteError::last(database.as_ptr());
                    ffi::sqlite3_close(database.as_ptr());
                    return Err(error.into());
                }
                None => return Err(Error::Protocol("SQLite has no memory".to_owned())),
            }
        };
        // One plan for each text, whatever is bound: without this guarantee SQLite prepares a
        // statement anew whenever a bound range or limit changes.
        // SAFETY: the connection is open; this option takes an int and a place for its new value,
        // which may be null.
        unsafe {
            ffi::sqlite3_db_config(
                database.as_ptr(),
                ffi::SQLITE_DBCONFIG_ENABLE_QPSG,
                1,
                ptr::null_mut::<c_int>(),
            );
        }
        Ok(Session {
            database,
            peeks: Cache::default(),
            statements: Cache::default(),
            replays: Cache::default(),
            single: None,
            place,
            capture: NonNull::from(Box::leak(Box::<Capture>::default())),
            depth: 0,
            tables: Tables::default(),
            is_plain: false,
        })
    }

    fn make_durable(&mut self) -> Result<(), Error> {
        DURABLE.iter().try_for_each(|pragma| self.apply(pragma))
    }

    /// Sets it; what is answered, if anything, has to be what was asked for.
    pub(super) fn apply(&mut self, pragma: &Pragma) -> Result<(), Error> {
        let rows = self.collect(pragma.set, &[])?;
        match rows.first().and_then(|row| row.first()?.as_str()) {
            Some(other) if other != pragma.held => {
                Err(Error::Protocol(format!("{} answered {other}", pragma.set)))
            }
            _ => Ok(()),
        }
    }
}
