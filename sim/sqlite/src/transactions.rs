//! Transactions and the savepoints inside them, counted as sqlx nests them.

use std::ptr;

use libsqlite3_sys as ffi;
use sqlx_core::Error;

use super::session::{Session, is_outside_transaction};

impl Session {
    /// Begins a transaction, or a savepoint inside one. sqlx's names for savepoints are kept.
    pub(super) fn begin(&mut self, statement: Option<&str>) -> Result<(), Error> {
        match (self.depth, statement) {
            (0, statement) => {
                self.run_with(statement.unwrap_or("BEGIN"), true, &[])?;
                // SAFETY: the connection is open.
                if unsafe { is_outside_transaction(self.database) } {
                    return Err(Error::BeginFailed);
                }
            }
            (_, Some(_)) => return Err(Error::InvalidSavePointStatement),
            (depth, None) => {
                self.run_with(&format!("SAVEPOINT _sqlx_savepoint_{depth}"), true, &[])?;
            }
        }
        self.depth += 1;
        Ok(())
    }

    /// Whether a transaction is open that has not begun to write.
    pub(super) fn has_only_read(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe {
            !is_outside_transaction(self.database)
                && ffi::sqlite3_txn_state(self.database.as_ptr(), ptr::null())
                    != ffi::SQLITE_TXN_WRITE
        }
    }

    /// Commits the innermost transaction or savepoint.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        match self.depth {
            0 => return Ok(()),
            1 => self.run_with("COMMIT", true, &[])?,
            depth => {
                let text = format!("RELEASE SAVEPOINT _sqlx_savepoint_{}", depth - 1);
                self.run_with(&text, true, &[])?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Undoes the innermost transaction or savepoint. Some errors make SQLite roll all of it back
    /// by itself; then there is nothing left to undo.
    pub(super) fn roll_back(&mut self) -> Result<(), Error> {
        if self.depth == 0 {
            return Ok(());
        }
        let depth = self.depth;
        // SAFETY: the connection is open.
        if !unsafe { is_outside_transaction(self.database) } {
            match depth {
                1 => self.run_with("ROLLBACK", true, &[])?,
                depth => {
                    let text = format!("ROLLBACK TO SAVEPOINT _sqlx_savepoint_{}", depth - 1);
                    self.run_with(&text, true, &[])?;
                }
            }
        }
        self.depth = depth - 1;
        Ok(())
    }
}
