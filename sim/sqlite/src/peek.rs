//! Reading plain values through a session, without sqlx.
//!
//! For those who look at a database from outside: invariants, reports, migration bookkeeping.

use std::sync::Arc;

use libsqlite3_sys as ffi;
use sqlx_core::Error;

use super::cache::Text;
use super::reader::Reader;
use super::session::Session;
use super::statement::{Bind, Statement};
use crate::Value;

impl From<Bind<'_>> for Value {
    fn from(value: Bind<'_>) -> Value {
        match value {
            Bind::Null => Value::Null,
            Bind::Integer(value) => Value::Integer(value),
            Bind::Real(value) => Value::Real(value),
            Bind::Text(text) => Value::Text(text.to_owned()),
            Bind::Blob(bytes) => Value::Blob(bytes.to_owned()),
        }
    }
}

impl Reader for Session {
    fn peek(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        self.check_alive()?;
        let slot = self.peeks.slot_of(sql);
        // SAFETY: the session's connection outlives its texts.
        let statement = unsafe { self.peeks.text(slot).statement(self.database, 0)? };
        self.is_plain &= statement.as_ref().is_none_or(|it| it.is_plain);
        match statement {
            Some(statement) if statement.read_only => rows_of(statement, params),
            _ => Err(Error::InvalidArgument(format!("a peek may only read: {sql}"))),
        }
    }

    fn prepared(&self) -> Vec<String> {
        self.statements.texts().into_iter().map(str::to_owned).collect()
    }
}

impl Session {
    /// Runs one statement, once, and gives its rows; not for statements that change rows.
    pub(super) fn collect(
        &mut self,
        sql: &str,
        params: &[Value],
    ) -> Result<Vec<Vec<Value>>, Error> {
        self.check_alive()?;
        let mut text = Text::new(sql, false);
        // SAFETY: the session's connection outlives `text`.
        match unsafe { text.statement(self.database, 0)? } {
            Some(statement) => rows_of(statement, params),
            None => Ok(Vec::new()),
        }
    }
}

impl Session {
    /// Runs a statement of the driver's own, which is kept prepared apart from sqlx's: one that reads
    /// rows, or that changes one as it was changed before.
    pub(super) fn ask(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        self.check_alive()?;
        let slot = self.replays.slot_of(sql);
        // SAFETY: the session's connection outlives its texts.
        match unsafe { self.replays.text(slot).statement(self.database, 0)? } {
            Some(statement) => rows_of(statement, values),
            None => Ok(Vec::new()),
        }
    }

    /// The first row of what [`ask`](Session::ask) would give, if any.
    pub(super) fn ask_for_one(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Option<Arc<[Value]>>, Error> {
        self.check_alive()?;
        let slot = self.replays.slot_of(sql);
        // SAFETY: the session's connection outlives its texts.
        match unsafe { self.replays.text(slot).statement(self.database, 0)? } {
            Some(statement) => first_of(statement, values),
            None => Ok(None),
        }
    }
}

/// The value, to be bound to a statement's parameter.
fn bind(value: &Value) -> Bind<'_> {
    match value {
        Value::Null => Bind::Null,
        Value::Integer(value) => Bind::Integer(*value),
        Value::Real(value) => Bind::Real(*value),
        Value::Text(text) => Bind::Text(text),
        Value::Blob(bytes) => Bind::Blob(bytes),
    }
}

fn rows_of(statement: &mut Statement, params: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    // SAFETY: the parameters outlive this function, which resets the statement before it returns.
    unsafe { statement.bind(|place| params.get(place).map(bind))? };
    let mut rows = Vec::new();
    let result = loop {
        match statement.step() {
            ffi::SQLITE_ROW => match row_of(statement) {
                Ok(row) => rows.push(row),
                Err(error) => break Err(error),
            },
            ffi::SQLITE_DONE => break Ok(()),
            _ => break Err(statement.failure()),
        }
    };
    statement.reset();
    result.map(|()| rows)
}

fn first_of(statement: &mut Statement, params: &[Value]) -> Result<Option<Arc<[Value]>>, Error> {
    // SAFETY: as in `rows_of`.
    unsafe { statement.bind(|place| params.get(place).map(bind))? };
    let result = match statement.step() {
        ffi::SQLITE_ROW => row_of(statement).map(|row| Some(row.into())),
        ffi::SQLITE_DONE => Ok(None),
        _ => Err(statement.failure()),
    };
    statement.reset();
    result
}

/// The current row, in space that is made once.
fn row_of(statement: &Statement) -> Result<Vec<Value>, Error> {
    let values = statement.values();
    let mut row = Vec::with_capacity(values.len());
    for value in values {
        row.push(value?.into());
    }
    Ok(row)
}
