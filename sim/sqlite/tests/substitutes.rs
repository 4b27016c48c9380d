//! Statements that are run in place of others: services say one thing, and the database does another.
//! Whoever looks from outside is told what is there. In a process of its own, for what is replaced is replaced
//! in all of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Executor as _, query, query_scalar};
use sqlx_core::sql_str::SqlStr;
use stormproof_sqlite::{
    Disk, RunText, SqlText, Value, install, list_statements, open, substitute,
    substituted_migrations,
};

/// What one test has replaced or listed is no other's.
static ALONE: Mutex<()> = Mutex::new(());

const SHELF: &str = "CREATE TABLE shelf (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)";
const MOVE: &str = "UPDATE shelf SET n = n + $2 WHERE id = $1 AND n >= $3";
const COUNT: &str = "SELECT sum(n) FROM shelf";

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn said(text: &str) -> SqlText {
    SqlText { text: text.to_owned(), is_migration: false }
}

/// A shelf with three rows.
fn shelf(name: &str) -> (Disk, AnyConnection) {
    install();
    let disk = Disk::new(name);
    let work = async {
        let mut connection = open(&disk, "database").await?;
        connection.execute(SHELF).await?;
        connection.execute("INSERT INTO shelf (id, n) VALUES (1, 1), (2, 2), (3, 3)").await?;
        Ok::<_, sqlx::Error>(connection)
    };
    let connection = work.now_or_never().expect("it never waits").expect("a new disk");
    (disk, connection)
}

/// Moves one of the rows, if it is as it should be: how many were moved.
fn moved(connection: &mut AnyConnection) -> sqlx::Result<u64> {
    let moved = query(MOVE).bind(1_i64).bind(10_i64).bind(5_i64).execute(connection);
    Ok(moved.now_or_never().expect("it never waits")?.rows_affected())
}

fn peeked(disk: &Disk, sql: &'static str) -> Value {
    disk.peek(sql, &[]).expect("it has power")[0][0].clone()
}

#[test]
fn a_substitute_reaches_services_and_nobody_else() {
    let _alone = alone();
    let (disk, mut connection) = shelf("shelf-db");
    assert_eq!(moved(&mut connection).expect("valid"), 0);
    let pairs = [
        // Its third parameter is gone, and its second is still the second.
        (said(MOVE), "UPDATE shelf SET n = n + $2 WHERE id = $1".to_owned()),
        (said(COUNT), "SELECT count(*) FROM shelf".to_owned()),
    ];
    let substitution = substitute(pairs);
    assert!(!substitution.was_run());
    assert_eq!(moved(&mut connection).expect("valid"), 1);
    assert!(substitution.was_run() && !substitution.was_run());
    // Who peeks is told what is there, by the very text that is replaced for services.
    assert_eq!(peeked(&disk, COUNT), Value::Integer(16));
    let counted = query_scalar::<_, i64>(COUNT).fetch_one(&mut connection);
    assert_eq!(counted.now_or_never().expect("it never waits").expect("valid"), 3);
    assert_eq!(substitution.refused(), None);
    drop(substitution);
    assert_eq!(moved(&mut connection).expect("valid"), 1, "it has 11 now");
    assert_eq!(peeked(&disk, "SELECT n FROM shelf WHERE id = 1"), Value::Integer(21));
}

#[test]
fn what_sqlite_cannot_compile_is_told() {
    let _alone = alone();
    let (_disk, mut connection) = shelf("shelf-db");
    let substitution = substitute([(said(MOVE), "UPDATE shelf SET m = 1".to_owned())]);
    moved(&mut connection).expect_err("there is no such column");
    let refused = substitution.refused().expect("it was refused");
    assert!(refused.contains("no such column: m"), "{refused}");
}

#[test]
fn more_arguments_than_parameters_are_a_mistake_otherwise() {
    let _alone = alone();
    let (_disk, mut connection) = shelf("shelf-db");
    let guarded = query("UPDATE shelf SET n = $1").bind(1_i64).bind(2_i64).execute(&mut connection);
    // That somebody lists changes nothing.
    let listing = list_statements();
    let refused = guarded.now_or_never().expect("it never waits").expect_err("one too many");
    assert!(refused.to_string().contains("takes 1 arguments, 2 were given"), "{refused}");
    drop(listing);
}

fn migrated(name: &str) -> (Disk, AnyConnection) {
    install();
    let disk = Disk::new(name);
    let migration = Migration::new(
        1,
        "shelf".into(),
        MigrationType::Simple,
        SqlStr::from_static("CREATE TABLE shelf (id BIGINT UNIQUE)"),
        false,
    );
    let work = async {
        let mut connection = open(&disk, "database").await?;
        Migrator::with_migrations(vec![migration]).run(&mut connection).await?;
        connection.execute(query("INSERT INTO shelf (id) VALUES (1)")).await?;
        Ok::<_, MigrateError>(connection)
    };
    let connection = work.now_or_never().expect("it never waits").expect("it applies");
    (disk, connection)
}

#[test]
fn migrations_are_replaced_and_listed_apart() {
    let _alone = alone();
    let script = "CREATE TABLE shelf (id BIGINT UNIQUE)".to_owned();
    let migration = SqlText { text: script, is_migration: true };
    let listing = list_statements();
    drop(migrated("shelf"));
    let run = listing.take();
    let insert = "INSERT INTO shelf (id) VALUES (1)";
    let expected =
        [migration.clone(), said(insert)].map(|sql| RunText { database: "shelf".to_owned(), sql });
    assert_eq!(run, BTreeSet::from(expected));
    assert!(listing.take().is_empty());
    drop(listing);

    assert_eq!(substituted_migrations(), 0);
    let other = "CREATE TABLE shelf (id BIGINT, other BIGINT)".to_owned();
    let substitution = substitute([(migration, other)]);
    assert_ne!(substituted_migrations(), 0);
    let (disk, _connection) = migrated("shelf");
    assert_eq!(peeked(&disk, "SELECT count(other) FROM shelf"), Value::Integer(0));
    drop(substitution);
    let (disk, _connection) = migrated("shelf");
    disk.peek("SELECT other FROM shelf", &[]).expect_err("there is none");
}
