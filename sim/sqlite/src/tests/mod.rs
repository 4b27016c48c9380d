//! The driver through sqlx's own API. Every future must be ready when first polled, which `now`
//! insists on. Power cuts are in `power.rs`, sessions that serve one disk after the other in `spares.rs`.

mod power;
mod spares;

use std::io::Write;
use std::process::Command;

use futures::{FutureExt, TryStreamExt};
use sqlx::error::ErrorKind;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Column, Connection, Executor, Row, Statement, query, query_as};
use sqlx::{query_scalar, raw_sql};
use sqlx_core::sql_str::SqlStr;

use super::*;

/// The answer of a future that must not wait.
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("inline SQL never waits")
}

#[test]
fn nobody_elses_drivers_are_there() {
    install();
    assert_eq!(drivers_of_others(), [""; 0]);
}

fn database() -> (Disk, AnyConnection) {
    install();
    let disk = Disk::new("test");
    let mut connection = now(open(&disk, "test.db")).unwrap();
    now(connection.execute(
        "CREATE TABLE item (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, count BIGINT,
            CONSTRAINT count_is_positive CHECK (count > 0));
        CREATE TABLE part (id BIGINT PRIMARY KEY, item BIGINT NOT NULL REFERENCES item (id))",
    ))
    .unwrap();
    (disk, connection)
}

async fn add(connection: &mut AnyConnection, id: i64) -> sqlx::Result<()> {
    let name = format!("item {id}");
    query("INSERT INTO item (id, name) VALUES ($1, $2)")
        .bind(id)
        .bind(name)
        .execute(connection)
        .await
        .map(|_| ())
}

fn ids(connection: &mut AnyConnection) -> Vec<i64> {
    now(query_scalar("SELECT id FROM item ORDER BY id").fetch_all(connection)).unwrap()
}

fn is_send(_: &impl Send) {}

#[test]
fn every_type_makes_the_round_trip() {
    let (_disk, mut connection) = database();
    is_send(&connection);
    now(connection.execute(
        "CREATE TABLE kinds (big BIGINT, real DOUBLE PRECISION, text TEXT, bytes BLOB, none TEXT)",
    ))
    .unwrap();
    let inserted = now(query("INSERT INTO kinds VALUES ($1, $2, $3, $4, $5)")
        .bind(i64::MIN)
        .bind(0.1)
        .bind("Grüße")
        .bind(vec![0u8, 255])
        .bind(None::<String>)
        .execute(&mut connection))
    .unwrap();
    assert_eq!(inserted.rows_affected(), 1);

    let row = now(query("SELECT * FROM kinds").fetch_one(&mut connection)).unwrap();
    assert_eq!(row.get::<i64, _>("big"), i64::MIN);
    assert_eq!(row.get::<f64, _>("real"), 0.1);
    assert_eq!(row.get::<&str, _>("text"), "Grüße");
    assert_eq!(row.get::<Vec<u8>, _>("bytes"), [0, 255]);
    assert_eq!(row.get::<Option<String>, _>("none"), None);
    assert_eq!(row.columns()[3].name(), "bytes");

    let empty: (String, Vec<u8>) =
        now(query_as("SELECT $2, $1").bind(Vec::<u8>::new()).bind("").fetch_one(&mut connection))
            .unwrap();
    assert_eq!(empty, (String::new(), Vec::new()));
}

#[test]
fn parameters_go_by_number_and_must_all_be_given() {
    let (_disk, mut connection) = database();
    let swapped: (i64, i64, i64) =
        now(query_as("SELECT $2, $1, $2").bind(1i64).bind(2i64).fetch_one(&mut connection))
            .unwrap();
    assert_eq!(swapped, (2, 1, 2));
    now(query("SELECT $1, $2").bind(1i64).execute(&mut connection)).unwrap_err();
    now(query("SELECT $1").bind(1i64).bind(2i64).execute(&mut connection)).unwrap_err();
}

#[test]
fn rows_come_one_by_one_or_all_together() {
    let (_disk, mut connection) = database();
    for id in 1..=5 {
        now(add(&mut connection, id)).unwrap();
    }
    {
        let mut rows = query("SELECT id FROM item ORDER BY id").fetch(&mut connection);
        let first = now(rows.try_next()).unwrap().unwrap();
        assert_eq!(first.get::<i64, _>(0), 1);
    }
    assert_eq!(ids(&mut connection), [1, 2, 3, 4, 5]);
    let none = now(query("SELECT id FROM item WHERE id = 9").fetch_optional(&mut connection));
    assert!(none.unwrap().is_none());

    let renamed = "UPDATE item SET count = $1 WHERE id > $2 RETURNING id";
    let renamed: Vec<i64> =
        now(query_scalar(renamed).bind(7i64).bind(3i64).fetch_all(&mut connection)).unwrap();
    assert_eq!(renamed, [4, 5]);
    let one: i64 = now(query_scalar("INSERT INTO item VALUES (6, 'six', 1) RETURNING id")
        .fetch_one(&mut connection))
    .unwrap();
    assert_eq!(one, 6);
    let read = now(query("SELECT * FROM item").execute(&mut connection)).unwrap();
    assert_eq!(read.rows_affected(), 0);
    let deleted = now(query("DELETE FROM item WHERE id < 3").execute(&mut connection)).unwrap();
    assert_eq!(deleted.rows_affected(), 2);
}

#[test]
fn a_future_that_is_not_polled_does_nothing() {
    let (_disk, mut connection) = database();
    drop(query("INSERT INTO item VALUES (1, 'one', 1)").execute(&mut connection));
    drop(connection.begin());
    assert!(!connection.is_in_transaction());
    assert_eq!(ids(&mut connection), [0i64; 0]);
}

#[test]
fn errors_have_their_kind() {
    let (_disk, mut connection) = database();
    now(add(&mut connection, 1)).unwrap();
    let mut kind_of = |sql: &'static str| {
        let error = now(connection.execute(sql)).unwrap_err();
        let error = error.into_database_error().unwrap();
        (error.kind(), error.message().to_owned())
    };
    let (kind, message) = kind_of("INSERT INTO item VALUES (2, 'item 1', 1)");
    assert_eq!(kind, ErrorKind::UniqueViolation);
    assert_eq!(message, "UNIQUE constraint failed: item.name");
    let (kind, message) = kind_of("INSERT INTO item VALUES (2, 'two', 0)");
    assert_eq!(kind, ErrorKind::CheckViolation);
    assert_eq!(message, "CHECK constraint failed: count_is_positive");
    let kind = |sql| kind_of(sql).0;
    let mut kind = kind;
    assert_eq!(kind("INSERT INTO item VALUES (1, 'one', 1)"), ErrorKind::UniqueViolation);
    assert_eq!(kind("INSERT INTO item VALUES (2, NULL, 1)"), ErrorKind::NotNullViolation);
    assert_eq!(kind("INSERT INTO part VALUES (1, 99)"), ErrorKind::ForeignKeyViolation);
    assert_eq!(kind("SELEKT"), ErrorKind::Other);
}

#[test]
fn what_the_usual_driver_refuses_is_refused() {
    let (_disk, mut connection) = database();
    now(connection.execute("CREATE TABLE flags (flag BOOLEAN); INSERT INTO flags VALUES (1)"))
        .unwrap();
    let error = now(query("SELECT flag FROM flags").fetch_one(&mut connection)).err().unwrap();
    assert!(error.to_string().contains("BOOLEAN"), "{error}");
}

#[test]
fn transactions_nest_and_a_dropped_one_is_undone_at_once() {
    let (disk, mut connection) = database();
    {
        let mut transaction = now(connection.begin_with("BEGIN IMMEDIATE")).unwrap();
        now(add(&mut transaction, 1)).unwrap();
    }
    assert!(!connection.is_in_transaction());
    assert_eq!(ids(&mut connection), [0i64; 0]);

    let mut outer = now(connection.begin()).unwrap();
    now(add(&mut outer, 2)).unwrap();
    {
        let mut inner = now(outer.begin()).unwrap();
        now(add(&mut inner, 3)).unwrap();
        now(inner.rollback()).unwrap();
    }
    {
        let mut inner = now(outer.begin()).unwrap();
        now(add(&mut inner, 4)).unwrap();
    }
    {
        let mut inner = now(outer.begin()).unwrap();
        now(add(&mut inner, 5)).unwrap();
        now(inner.commit()).unwrap();
    }
    now(outer.commit()).unwrap();
    assert_eq!(ids(&mut connection), [2, 5]);
    let told: Vec<i64> = disk.take_changes().iter().map(|change| change.rowid).collect();
    assert_eq!(told.len(), 2);
}

#[test]
fn a_transaction_sqlite_gave_up_cannot_go_on() {
    let (_disk, mut connection) = database();
    now(add(&mut connection, 1)).unwrap();
    let mut transaction = now(connection.begin()).unwrap();
    now(transaction.execute("INSERT OR ROLLBACK INTO item VALUES (1, 'one', 1)")).unwrap_err();
    now(add(&mut transaction, 2)).unwrap_err();
    now(transaction.commit()).unwrap_err();
    assert_eq!(ids(&mut connection), [1]);
}

#[test]
fn commits_tell_their_changes_and_nothing_else_does() {
    let (disk, mut connection) = database();
    let told = || {
        let changes = disk.take_changes();
        let rows =
            changes.iter().map(|change| (&*change.table == "item", change.rowid, change.kind));
        rows.collect::<Vec<_>>()
    };
    let mut run = |sql: &'static str| now(connection.execute(raw_sql(sql)));
    // `BIGINT PRIMARY KEY` is not the rowid; rows are numbered as they come.
    run("INSERT INTO item VALUES (10, 'ten', 1), (11, 'eleven', 1)").unwrap();
    assert_eq!(told(), [(true, 1, ChangeKind::Insert), (true, 2, ChangeKind::Insert)]);
    run("BEGIN; UPDATE item SET count = 5 WHERE id = 10").unwrap();
    assert_eq!(told(), []);
    run("SAVEPOINT a; DELETE FROM item WHERE id = 11; ROLLBACK TO a; RELEASE a").unwrap();
    run("INSERT INTO item VALUES (12, 'twelve', 1), (13, 'ten', 1)").unwrap_err();
    run("COMMIT").unwrap();
    assert_eq!(told(), [(true, 1, ChangeKind::Update)]);
    run("BEGIN; DELETE FROM item WHERE id = 10; ROLLBACK").unwrap();
    run("INSERT INTO item VALUES (12, 'twelve', 1), (13, 'ten', 1)").unwrap_err();
    assert_eq!(told(), []);
    run("INSERT INTO part VALUES (1, 10); DELETE FROM part WHERE id = 1").unwrap();
    assert_eq!(told(), [(false, 1, ChangeKind::Delete)]);
    let one =
        now(query("INSERT INTO item VALUES (20, 'x', 1) RETURNING id").fetch_one(&mut connection));
    one.unwrap();
    assert_eq!(disk.take_changes().len(), 1);
}

#[test]
fn a_peek_reads_between_and_inside_transactions() {
    let (disk, mut connection) = database();
    let count = || {
        let rows = disk.peek("SELECT count(*), $1 FROM item", &["here".into()]).unwrap();
        assert_eq!(rows[0][1].as_str(), Some("here"));
        rows[0][0].as_i64().unwrap()
    };
    assert_eq!(count(), 0);
    let mut transaction = now(connection.begin()).unwrap();
    now(add(&mut transaction, 1)).unwrap();
    assert_eq!(count(), 1);
    drop(transaction);
    assert_eq!(count(), 0);
    disk.peek("DELETE FROM item", &[]).unwrap_err();
    now(connection.close()).unwrap();
    disk.peek("SELECT 1", &[]).unwrap_err();
}

#[test]
fn statements_are_kept_and_follow_the_schema() {
    let (_disk, mut connection) = database();
    let all = "SELECT * FROM item";
    now(add(&mut connection, 1)).unwrap();
    assert_eq!(now(query(all).fetch_one(&mut connection)).unwrap().len(), 3);
    assert_eq!(connection.cached_statements_size(), 2);
    now(connection.execute("ALTER TABLE item ADD COLUMN extra TEXT DEFAULT 'more'")).unwrap();
    let row = now(query(all).fetch_one(&mut connection)).unwrap();
    assert_eq!(row.get::<String, _>("extra"), "more");

    let prepared = now((&mut connection).prepare(SqlStr::from_static(all))).unwrap();
    assert_eq!(prepared.columns().len(), 4);
    let described = now((&mut connection).describe(SqlStr::from_static("SELECT $1, $2"))).unwrap();
    assert_eq!(described.columns().len(), 2);

    for number in 0..1_000 {
        let sql = format!("SELECT {number}");
        let answer = query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql));
        assert_eq!(now(answer.fetch_one(&mut connection)).unwrap(), number);
    }
    assert_eq!(connection.cached_statements_size(), 256);
    now(connection.clear_cached_statements()).unwrap();
    assert_eq!(connection.cached_statements_size(), 0);
    assert_eq!(ids(&mut connection), [1]);
}

#[test]
fn migrations_run_once() {
    let migration = |version, sql| {
        let kind = MigrationType::Simple;
        Migration::new(version, "test".into(), kind, SqlStr::from_static(sql), false)
    };
    let migrator = Migrator::with_migrations(vec![
        migration(1, "CREATE TABLE one (id BIGINT PRIMARY KEY); INSERT INTO one VALUES (1);"),
        migration(2, "INSERT INTO one VALUES (2); -- done\n"),
    ]);
    let (disk, mut connection) = database();
    for _ in 0..2 {
        now(migrator.run(&mut connection)).unwrap();
        let count: i64 =
            now(query_scalar("SELECT count(*) FROM one").fetch_one(&mut connection)).unwrap();
        assert_eq!(count, 2);
    }
    now(connection.close()).unwrap();

    // The image of a migrated disk needs no migration.
    let copy = Disk::from_image("copy", &disk.image());
    assert_eq!(copy.fingerprint(), disk.fingerprint());
    let mut connection = now(open(&copy, "test.db")).unwrap();
    now(migrator.run(&mut connection)).unwrap();
    now(add(&mut connection, 1)).unwrap();
    assert_ne!(copy.fingerprint(), disk.fingerprint());
}

#[test]
fn a_failed_migration_leaves_nothing() {
    let kind = MigrationType::Simple;
    let sql = SqlStr::from_static("CREATE TABLE one (id BIGINT); SELEKT");
    let migrator =
        Migrator::with_migrations(vec![Migration::new(1, "bad".into(), kind, sql, false)]);
    let (disk, mut connection) = database();
    now(migrator.run(&mut connection)).unwrap_err();
    assert!(!connection.is_in_transaction());
    let found = disk.peek("SELECT 1 FROM sqlite_schema WHERE name = 'one'", &[]).unwrap();
    assert!(found.is_empty());
}

#[test]
fn a_second_connection_is_locked_out_until_the_first_is_gone() {
    let (disk, mut connection) = database();
    let error = now(open(&disk, "test.db")).unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");

    now(add(&mut connection, 1)).unwrap();
    let mut transaction = now(connection.begin()).unwrap();
    now(add(&mut transaction, 2)).unwrap();
    disk.detach();
    let mut next = now(open(&disk, "test.db")).unwrap();
    now(add(&mut transaction, 3)).unwrap_err();
    drop(transaction);
    now(connection.ping()).unwrap_err();
    drop(connection);
    assert_eq!(ids(&mut next), [1]);
    now(add(&mut next, 4)).unwrap();
    assert_eq!(ids(&mut next), [1, 4]);
}

/// What a run leaves: the disk while the database is open, after it is closed, and the work done.
fn seeded_run(seed: u64) -> (u64, u64, u64) {
    reseed(seed);
    let (disk, mut connection) = database();
    for id in 0..50 {
        let mut transaction = now(connection.begin()).unwrap();
        now(add(&mut transaction, id)).unwrap();
        let random = query("UPDATE item SET count = abs(random() % 1000) + 1");
        now(random.execute(&mut *transaction)).unwrap();
        now(transaction.commit()).unwrap();
    }
    let open = disk.fingerprint();
    now(connection.close()).unwrap();
    (open, disk.fingerprint(), disk.operations())
}

/// Compares runs in a process of their own, since other tests draw from SQLite's random numbers
/// too, and two such processes with each other.
#[test]
fn runs_of_one_seed_are_identical() {
    const ALONE: &str = "STORMPROOF_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        let first = seeded_run(1);
        assert_ne!(first.0, seeded_run(2).0);
        assert_eq!(first, std::thread::spawn(|| seeded_run(1)).join().unwrap());
        writeln!(std::io::stdout(), "alone: {first:?}").unwrap();
        return;
    }
    let path = concat!(module_path!(), "::runs_of_one_seed_are_identical");
    let (_, path) = path.split_once("::").expect("a module path begins with the crate");
    let [first, second] = [1, 2].map(|_| {
        let binary = std::env::current_exe().unwrap();
        let arguments = ["--exact", path, "--nocapture"];
        let output = Command::new(binary).args(arguments).env(ALONE, "1").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.contains("alone: ("));
        line.unwrap_or_else(|| panic!("no answer in: {text}")).to_owned()
    });
    assert_eq!(first, second);
}
