//! The `AnyDriver` for `sim:` URLs.
//!
//! sqlx makes an `AnyDriver` from a `Database` type and nothing else, and a `Database` must name
//! its rows, columns and values. `Any` asks none of them of ours, so one type without values
//! stands for all.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use log::LevelFilter;
use sqlx_core::Either;
use sqlx_core::Url;
use sqlx_core::any::driver::AnyDriver;
use sqlx_core::any::{AnyConnectOptions, AnyConnectionBackend, AnyQueryResult};
use sqlx_core::arguments::Arguments;
use sqlx_core::column::{Column, ColumnIndex};
use sqlx_core::connection::{ConnectOptions, Connection};
use sqlx_core::database::Database;
use sqlx_core::encode::Encode;
use sqlx_core::error::{BoxDynError, Error, Result};
use sqlx_core::row::Row;
use sqlx_core::sql_str::SqlStr;
use sqlx_core::statement::Statement;
use sqlx_core::transaction::{Transaction, TransactionManager};
use sqlx_core::type_info::TypeInfo;
use sqlx_core::types::Type;
use sqlx_core::value::{Value, ValueRef};

use super::connection::{SimConnection, no_such_disk, no_such_file};
use super::disk::Disk;
use super::mvcc;

/// The scheme of real files.
const FILE_SCHEME: &str = "file";

/// The driver, for a binary that installs it together with others. [`install`](super::install)
/// installs it alone.
pub const DRIVER: AnyDriver = AnyDriver::without_migrate::<SimDatabase>();

/// SQLite on simulated disks, as sqlx's trait wants it named. Use `Any`.
#[derive(Debug)]
pub enum SimDatabase {}

impl Database for SimDatabase {
    type Connection = SimConnection;
    type TransactionManager = SimTransactions;
    type Row = Unused;
    type QueryResult = AnyQueryResult;
    type Column = Unused;
    type TypeInfo = Unused;
    type Value = Unused;
    type ValueRef<'r> = Unused;
    type Arguments = NoArguments;
    type ArgumentBuffer = ();
    type Statement = Unused;

    const NAME: &'static str = "SimSqlite";
    const URL_SCHEMES: &'static [&'static str] = &["sim", FILE_SCHEME];
}

/// Where a database lies: a URL made by [`Disk::url`](super::Disk::url).
#[derive(Clone, Debug)]
pub struct SimConnectOptions {
    url: Url,
}

impl FromStr for SimConnectOptions {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        let url = url.parse().map_err(Error::config)?;
        Ok(SimConnectOptions { url })
    }
}

impl<'a> TryFrom<&'a AnyConnectOptions> for SimConnectOptions {
    type Error = Error;

    fn try_from(options: &'a AnyConnectOptions) -> Result<Self> {
        ConnectOptions::from_url(&options.database_url)
    }
}

impl ConnectOptions for SimConnectOptions {
    type Connection = SimConnection;

    fn from_url(url: &Url) -> Result<Self> {
        Ok(SimConnectOptions { url: url.clone() })
    }

    fn to_url_lossy(&self) -> Url {
        self.url.clone()
    }

    async fn connect(&self) -> Result<SimConnection> {
        if self.url.scheme() == FILE_SCHEME {
            let path = self.url.to_file_path().map_err(|()| no_such_file(self.url.as_str()))?;
            return SimConnection::open_file(path.into_os_string().into_encoded_bytes());
        }
        if let Some(shared) = mvcc::waiting(self.url.path()) {
            return Ok(SimConnection::shared(shared));
        }
        let (disk, epoch, file) =
            Disk::locate(self.url.path()).ok_or_else(|| no_such_disk(self.url.as_str()))?;
        SimConnection::open(&disk, epoch, file)
    }

    /// Statements are not logged: the world has its own account of what happened.
    fn log_statements(self, _: LevelFilter) -> Self {
        self
    }

    fn log_slow_statements(self, _: LevelFilter, _: std::time::Duration) -> Self {
        self
    }
}

impl Connection for SimConnection {
    type Database = SimDatabase;
    type Options = SimConnectOptions;

    async fn close(self) -> Result<()> {
        AnyConnectionBackend::close(Box::new(self)).await
    }

    async fn close_hard(self) -> Result<()> {
        AnyConnectionBackend::close(Box::new(self)).await
    }

    async fn ping(&mut self) -> Result<()> {
        AnyConnectionBackend::ping(self).await
    }

    async fn begin(&mut self) -> Result<Transaction<'_, SimDatabase>> {
        Transaction::begin(self, None).await
    }

    fn shrink_buffers(&mut self) {}

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn should_flush(&self) -> bool {
        false
    }
}

/// Transactions of a [`SimConnection`]; `Any` calls the connection itself.
pub struct SimTransactions;

impl TransactionManager for SimTransactions {
    type Database = SimDatabase;

    async fn begin(connection: &mut SimConnection, statement: Option<SqlStr>) -> Result<()> {
        AnyConnectionBackend::begin(connection, statement).await
    }

    async fn commit(connection: &mut SimConnection) -> Result<()> {
        AnyConnectionBackend::commit(connection).await
    }

    async fn rollback(connection: &mut SimConnection) -> Result<()> {
        AnyConnectionBackend::rollback(connection).await
    }

    fn start_rollback(connection: &mut SimConnection) {
        AnyConnectionBackend::start_rollback(connection);
    }

    fn get_transaction_depth(connection: &SimConnection) -> usize {
        AnyConnectionBackend::get_transaction_depth(connection)
    }
}

/// Arguments that cannot be: `Any` has its own.
#[derive(Default)]
pub struct NoArguments;

impl Arguments for NoArguments {
    type Database = SimDatabase;

    fn reserve(&mut self, _: usize, _: usize) {}

    fn add<'t, T>(&mut self, _: T) -> Result<(), BoxDynError>
    where
        T: Encode<'t, SimDatabase> + Type<SimDatabase>,
    {
        Err("bind arguments through `Any`".into())
    }

    fn len(&self) -> usize {
        0
    }
}

/// Stands for the types `Any` does not ask of a driver; there is no value of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unused {}

impl fmt::Display for Unused {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Row for Unused {
    type Database = SimDatabase;

    fn columns(&self) -> &[Unused] {
        match *self {}
    }

    fn try_get_raw<I: ColumnIndex<Self>>(&self, _: I) -> Result<Unused> {
        match *self {}
    }
}

impl Column for Unused {
    type Database = SimDatabase;

    fn ordinal(&self) -> usize {
        match *self {}
    }

    fn name(&self) -> &str {
        match *self {}
    }

    fn type_info(&self) -> &Unused {
        match *self {}
    }
}

impl TypeInfo for Unused {
    fn is_null(&self) -> bool {
        match *self {}
    }

    fn name(&self) -> &str {
        match *self {}
    }
}

impl Value for Unused {
    type Database = SimDatabase;

    fn as_ref(&self) -> Unused {
        match *self {}
    }

    fn type_info(&self) -> Cow<'_, Unused> {
        match *self {}
    }

    fn is_null(&self) -> bool {
        match *self {}
    }
}

impl ValueRef<'_> for Unused {
    type Database = SimDatabase;

    fn to_owned(&self) -> Unused {
        match *self {}
    }

    fn type_info(&self) -> Cow<'_, Unused> {
        match *self {}
    }

    fn is_null(&self) -> bool {
        match *self {}
    }
}

impl Statement for Unused {
    type Database = SimDatabase;

    fn into_sql(self) -> SqlStr {
        match self {}
    }

    fn sql(&self) -> &SqlStr {
        match *self {}
    }

    fn parameters(&self) -> Option<Either<&[Unused], usize>> {
        match *self {}
    }

    fn columns(&self) -> &[Unused] {
        match *self {}
    }

    sqlx_core::impl_statement_query!(NoArguments);
}

sqlx_core::impl_into_arguments_for_arguments!(NoArguments);
