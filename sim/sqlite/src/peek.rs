//! Reading plain values through a session, without sqlx.
//!
//! For those who look at a database from outside: invariants, reports, migration bookkeeping.

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
        self.ask_for_each(sql, values, owned)
    }

    /// What is made of the first row of what [`ask`](Session::ask) would give, if there is one.
    pub(super) fn ask_for_one<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        make: impl FnOnce(&[Bind<'_>]) -> T,
    ) -> Result<Option<T>, Error> {
        let Some(statement) = self.own(sql)? else { return Ok(None) };
        // SAFETY: the values outlive this function, which resets the statement before it returns.
        unsafe { statement.bind(|place| values.get(place).map(bind))? };
        let result = match statement.step() {
            ffi::SQLITE_ROW => borrowed(statement).map(|row| Some(make(&row))),
            ffi::SQLITE_DONE => Ok(None),
            _ => Err(statement.failure()),
        };
        statement.reset();
        result
    }

    /// What is made of each row of what [`ask`](Session::ask) would give.
    pub(super) fn ask_for_each<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        make: impl FnMut(&[Bind<'_>]) -> T,
    ) -> Result<Vec<T>, Error> {
        match self.own(sql)? {
            Some(statement) => each_of(statement, values, make),
            None => Ok(Vec::new()),
        }
    }

    /// A statement of the driver's own.
    fn own(&mut self, sql: &str) -> Result<Option<&mut Statement>, Error> {
        self.check_alive()?;
        let slot = self.replays.slot_of(sql);
        // SAFETY: the session's connection outlives its texts.
        unsafe { self.replays.text(slot).statement(self.database, 0) }
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
    each_of(statement, params, owned)
}

fn each_of<T>(
    statement: &mut Statement,
    params: &[Value],
    mut make: impl FnMut(&[Bind<'_>]) -> T,
) -> Result<Vec<T>, Error> {
    // SAFETY: the parameters outlive this function, which resets the statement before it returns.
    unsafe { statement.bind(|place| params.get(place).map(bind))? };
    let mut rows = Vec::new();
    let result = loop {
        match statement.step() {
            ffi::SQLITE_ROW => match borrowed(statement) {
                Ok(row) => rows.push(make(&row)),
                Err(error) => break Err(error),
            },
            ffi::SQLITE_DONE => break Ok(()),
            _ => break Err(statement.failure()),
        }
    };
    statement.reset();
    result.map(|()| rows)
}

/// The current row, as long as the statement stands on it, in space that is made once.
fn borrowed(statement: &Statement) -> Result<Vec<Bind<'_>>, Error> {
    let values = statement.values();
    let mut row = Vec::with_capacity(values.len());
    for value in values {
        row.push(value?);
    }
    Ok(row)
}

fn owned(row: &[Bind<'_>]) -> Vec<Value> {
    row.iter().map(|value| Value::from(*value)).collect()
}
