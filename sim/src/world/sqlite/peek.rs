//! Plain values, and reading through a session without sqlx.
//!
//! For those who look at a database from outside: invariants, reports, migration bookkeeping.

use libsqlite3_sys as ffi;
use sqlx_core::Error;

use super::cache::Text;
use super::session::Session;
use super::statement::{Bind, Statement};

/// A value as SQLite keeps it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A BIGINT.
    Integer(i64),
    /// A DOUBLE PRECISION.
    Real(f64),
    /// A TEXT.
    Text(String),
    /// A BLOB.
    Blob(Vec<u8>),
}

impl Value {
    /// The integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The floating-point number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Real(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if it is a blob.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub(super) fn as_bind(&self) -> Bind<'_> {
        match self {
            Value::Null => Bind::Null,
            Value::Integer(value) => Bind::Integer(*value),
            Value::Real(value) => Bind::Real(*value),
            Value::Text(text) => Bind::Text(text),
            Value::Blob(bytes) => Bind::Blob(bytes),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Real(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

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

impl Session {
    /// Reads with a statement that is kept prepared, apart from sqlx's.
    pub(super) fn peek(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        self.check_alive()?;
        let slot = self.peeks.slot_of(sql);
        // SAFETY: the session's connection outlives its texts.
        match unsafe { self.peeks.text(slot).statement(self.database, 0)? } {
            Some(statement) if statement.read_only => rows_of(statement, params),
            _ => Err(Error::InvalidArgument(format!("a peek may only read: {sql}"))),
        }
    }

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

fn rows_of(statement: &mut Statement, params: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    // SAFETY: the parameters outlive this function, which resets the statement before it returns.
    unsafe { statement.bind(|place| params.get(place).map(Value::as_bind))? };
    let mut rows = Vec::new();
    let result = loop {
        match statement.step() {
            ffi::SQLITE_ROW => {
                let row = statement.values().map(|value| value.map(Value::from));
                match row.collect() {
                    Ok(row) => rows.push(row),
                    Err(error) => break Err(error),
                }
            }
            ffi::SQLITE_DONE => break Ok(()),
            _ => break Err(statement.failure()),
        }
    };
    statement.reset();
    result.map(|()| rows)
}
