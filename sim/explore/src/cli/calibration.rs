//! The reference of `bench`: raw SQLite statements in memory, on this machine, at this moment.
//!
//! A figure alone says as much about the machine as about the program. SQLite is what worlds do
//! most of, so it slows down and speeds up with the machine as they do; and it is called here past
//! everything of ours, so nothing that changes in this repository changes it.

use std::ffi::{CStr, c_int};
use std::ptr;
use std::time::{Duration, Instant};

use libsqlite3_sys as ffi;

/// Rows that the statements update.
const ROWS: i64 = 1_000;

/// Statements per second, in transactions of five, on one core.
///
/// # Errors
/// If SQLite refuses, which it has no reason to.
pub fn statements_per_second(time: Duration) -> Result<f64, String> {
    let database = Database::in_memory()?;
    database.run(c"CREATE TABLE shelf (id INTEGER PRIMARY KEY, units BIGINT NOT NULL)")?;
    let insert = database.prepare(c"INSERT INTO shelf (id, units) VALUES ($1, 1)")?;
    for id in 0..ROWS {
        insert.run(id)?;
    }
    let begin = database.prepare(c"BEGIN IMMEDIATE")?;
    let update = database.prepare(c"UPDATE shelf SET units = units + 1 WHERE id = $1")?;
    let commit = database.prepare(c"COMMIT")?;
    let begun = Instant::now();
    let mut statements: u64 = 0;
    while begun.elapsed() < time {
        for transaction in 0..100 {
            begin.run(0)?;
            for line in 0..3 {
                update.run((transaction * 7 + line) % ROWS)?;
            }
            commit.run(0)?;
            statements += 5;
        }
    }
    Ok(statements as f64 / begun.elapsed().as_secs_f64())
}

/// A database in memory, closed when it is dropped.
struct Database(*mut ffi::sqlite3);

/// A prepared statement of at most one parameter.
struct Statement<'d> {
    statement: *mut ffi::sqlite3_stmt,
    parameters: c_int,
    database: &'d Database,
}

impl Database {
    fn in_memory() -> Result<Database, String> {
        let mut database = ptr::null_mut();
        // SAFETY: the name is terminated, and `database` receives a connection even on failure;
        // `Drop` closes it either way.
        let code = unsafe { ffi::sqlite3_open(c":memory:".as_ptr(), &mut database) };
        let database = Database(database);
        database.expect(code, ffi::SQLITE_OK)?;
        Ok(database)
    }

    fn run(&self, sql: &CStr) -> Result<(), String> {
        self.prepare(sql)?.run(0)
    }

    fn prepare(&self, sql: &CStr) -> Result<Statement<'_>, String> {
        let mut statement = ptr::null_mut();
        // SAFETY: the connection is open, the text is terminated (-1: read up to there), and
        // `statement` receives null or a statement that `Drop` finalizes before the connection
        // closes, for it borrows the connection.
        let code = unsafe {
            ffi::sqlite3_prepare_v2(self.0, sql.as_ptr(), -1, &mut statement, ptr::null_mut())
        };
        self.expect(code, ffi::SQLITE_OK)?;
        // SAFETY: the statement was prepared just now.
        let parameters = unsafe { ffi::sqlite3_bind_parameter_count(statement) };
        Ok(Statement { statement, parameters, database: self })
    }

    fn expect(&self, code: c_int, expected: c_int) -> Result<(), String> {
        if code == expected {
            return Ok(());
        }
        // SAFETY: the connection is open or null, and SQLite answers both with a terminated text
        // that is copied before anything else is called.
        let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.0)) };
        Err(format!("the reference measurement failed: {}", message.to_string_lossy()))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: statements borrow the connection, so all are finalized; null is allowed.
        unsafe { ffi::sqlite3_close(self.0) };
    }
}

impl Statement<'_> {
    fn run(&self, parameter: i64) -> Result<(), String> {
        // SAFETY: the statement lives as long as `self`; after `reset` it may be bound and stepped
        // again.
        let code = unsafe {
            if self.parameters > 0 {
                ffi::sqlite3_bind_int64(self.statement, 1, parameter);
            }
            let code = ffi::sqlite3_step(self.statement);
            ffi::sqlite3_reset(self.statement);
            code
        };
        self.database.expect(code, ffi::SQLITE_DONE)
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: it was prepared, and is finalized here only.
        unsafe { ffi::sqlite3_finalize(self.statement) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_can_be_measured() {
        let rate = statements_per_second(Duration::from_millis(20)).expect("SQLite runs");
        assert!(rate > 1_000.0, "{rate} statements per second");
    }
}
