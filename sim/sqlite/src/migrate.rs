//! sqlx's migrations, with the same bookkeeping table as the usual SQLite driver's.
//!
//! The time a migration took is recorded as 0: a measured one would differ from run to run.

use std::future::ready;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx_core::Error;
use sqlx_core::migrate::{AppliedMigration, Migrate, MigrateError, Migration};

use super::connection::SimConnection;
use super::session::Session;
use super::statement::Bind;
use super::substitutes;
use crate::Value;

impl Migrate for SimConnection {
    fn create_schema_if_not_exists<'e>(
        &'e mut self,
        schema_name: &'e str,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.when_polled(move |session| {
            let sql = format!("PRAGMA {schema_name}.schema_version");
            match session.collect(&sql, &[])?.is_empty() {
                false => Ok(()),
                true => Err(MigrateError::CreateSchemasNotSupported(format!(
                    "a SQLite schema is an attached file; {schema_name} is not attached"
                ))),
            }
        })
    }

    fn ensure_migrations_table<'e>(
        &'e mut self,
        table_name: &'e str,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.when_polled(move |session| {
            session.run(&format!(
                "CREATE TABLE IF NOT EXISTS {table_name} (
                    version BIGINT PRIMARY KEY,
                    description TEXT NOT NULL,
                    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
                    success BOOLEAN NOT NULL,
                    checksum BLOB NOT NULL,
                    execution_time BIGINT NOT NULL
                )"
            ))?;
            Ok(())
        })
    }

    fn dirty_version<'e>(
        &'e mut self,
        table_name: &'e str,
    ) -> BoxFuture<'e, Result<Option<i64>, MigrateError>> {
        self.when_polled(move |session| {
            let sql = format!("SELECT min(version) FROM {table_name} WHERE success = 0");
            let rows = session.collect(&sql, &[])?;
            Ok(rows.first().and_then(|row| row[0].as_i64()))
        })
    }

    fn list_applied_migrations<'e>(
        &'e mut self,
        table_name: &'e str,
    ) -> BoxFuture<'e, Result<Vec<AppliedMigration>, MigrateError>> {
        self.when_polled(move |session| {
            let sql = format!("SELECT version, checksum FROM {table_name} ORDER BY version");
            let rows = session.collect(&sql, &[])?;
            rows.iter().map(|row| applied(row)).collect()
        })
    }

    /// One connection per file is the lock.
    fn lock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        Box::pin(ready(Ok(())))
    }

    fn unlock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        Box::pin(ready(Ok(())))
    }

    fn apply<'e>(
        &'e mut self,
        table_name: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        self.when_polled(move |session| {
            in_transaction(session, migration, |session| {
                execute(session, migration)?;
                record(session, table_name, migration)
            })
        })
    }

    fn revert<'e>(
        &'e mut self,
        table_name: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        self.when_polled(move |session| {
            in_transaction(session, migration, |session| {
                execute(session, migration)?;
                let sql = format!("DELETE FROM {table_name} WHERE version = $1");
                session.run_with(&sql, false, &[Bind::Integer(migration.version)])?;
                Ok(())
            })
        })
    }

    fn skip<'e>(
        &'e mut self,
        table_name: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.when_polled(move |session| record(session, table_name, migration))
    }
}

fn in_transaction(
    session: &mut Session,
    migration: &Migration,
    work: impl FnOnce(&mut Session) -> Result<(), MigrateError>,
) -> Result<Duration, MigrateError> {
    if migration.no_tx {
        work(session)?;
        return Ok(Duration::ZERO);
    }
    session.begin(None)?;
    let result = work(session).and_then(|()| Ok(session.commit()?));
    if result.is_err() {
        session.roll_back().ok();
    }
    result.map(|()| Duration::ZERO)
}

fn execute(session: &mut Session, migration: &Migration) -> Result<(), MigrateError> {
    let sql = migration.sql.as_str();
    let instead = substitutes::in_place_of_migration(sql, || session.database_name());
    session.run(instead.as_deref().unwrap_or(sql)).map_err(|error| {
        substitutes::was_refused(&error);
        MigrateError::ExecuteMigration(error, migration.version)
    })
}

fn record(
    session: &mut Session,
    table_name: &str,
    migration: &Migration,
) -> Result<(), MigrateError> {
    let sql = format!(
        "INSERT INTO {table_name} (version, description, success, checksum, execution_time)
        VALUES ($1, $2, 1, $3, 0)"
    );
    let arguments = [
        Bind::Integer(migration.version),
        Bind::Text(&migration.description),
        Bind::Blob(&migration.checksum),
    ];
    Ok(session.run_with(&sql, false, &arguments)?)
}

fn applied(row: &[Value]) -> Result<AppliedMigration, MigrateError> {
    match row {
        [Value::Integer(version), Value::Blob(checksum)] => {
            Ok(AppliedMigration { version: *version, checksum: checksum.clone().into() })
        }
        other => Err(Error::Protocol(format!("not an applied migration: {other:?}")).into()),
    }
}
