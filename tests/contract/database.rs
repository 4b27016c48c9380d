//! Postgres under conflict and loss: what a caller is told, and what is there afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::{join, join_all};
use scoped_futures::ScopedFutureExt as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Row as _, SqlStr};
use stormproof_bindings::database::{Isolation, OpenError, Sql};
use stormproof_messaging::{Transaction, transact};
use stormproof_ports::absent::Absent;
use stormproof_ports::metrics::TransactionOutcome;
use stormproof_ports::{Database as _, DatabaseError as Error, Session, contract};
use stormproof_system::service::SERVICES;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::scratch::Scratch;
use crate::servers::postgres::Postgres;

/// A database with the contract's tables, and two rows in them.
async fn prepared(purpose: &str, connections: u32) -> Option<(Postgres, Sql)> {
    let postgres = Postgres::or_skip(purpose).await?;
    let sql = Sql::postgres(&postgres.url, connections).await.expect("the server answered");
    sql.migrate(&contract::database::migrator()).await.expect("the tables are new");
    let mut session = sql.begin().await.expect("it is idle");
    run(&mut *session, "INSERT INTO contract_numbers VALUES ('left', 0), ('right', 0)")
        .await
        .expect("the table is empty");
    session.commit(&[]).await.expect("nobody else is there");
    Some((postgres, sql))
}

/// As mappers run a statement.
async fn run(session: &mut dyn Session, statement: &'static str) -> Result<(), Error> {
    sqlx::query(statement).execute(session.connection()).await?;
    Ok(())
}

async fn number(sql: &Sql, id: &'static str) -> Option<i64> {
    let mut session = sql.begin().await.expect("the database is there");
    let find = sqlx::query_scalar("SELECT n FROM contract_numbers WHERE id = $1").bind(id);
    find.fetch_optional(session.connection()).await.expect("the table is there")
}

const READ: &str = "SELECT n FROM contract_numbers";
const LEFT: &str = "UPDATE contract_numbers SET n = n + 1 WHERE id = 'left'";
const RIGHT: &str = "UPDATE contract_numbers SET n = n + 1 WHERE id = 'right'";

#[tokio::test]
async fn a_conflict_found_by_a_statement_is_to_be_run_again() {
    let Some((_postgres, sql)) = prepared("conflict_statement", 2).await else { return };
    let sql = sql.at(Isolation::Serializable);
    let (first, second) = join(sql.begin(), sql.begin()).await;
    let (mut first, mut second) = (first.expect("idle"), second.expect("idle"));
    run(&mut *first, READ).await.expect("a read");
    run(&mut *second, READ).await.expect("a read");
    run(&mut *first, LEFT).await.expect("the first to write");
    first.commit(&[]).await.expect("the first to commit");
    let late = run(&mut *second, LEFT).await;
    assert!(matches!(late, Err(Error::Serialization)), "{late:?}");
    drop(second);
    assert_eq!(number(&sql, "left").await, Some(1));
}

#[tokio::test]
async fn a_conflict_found_by_the_commit_is_to_be_run_again() {
    let Some((_postgres, sql)) = prepared("conflict_commit", 2).await else { return };
    let sql = sql.at(Isolation::Serializable);
    let (first, second) = join(sql.begin(), sql.begin()).await;
    let (mut first, mut second) = (first.expect("idle"), second.expect("idle"));
    for (session, write) in [(&mut first, LEFT), (&mut second, RIGHT)] {
        run(&mut **session, READ).await.expect("a read");
        run(&mut **session, write).await.expect("a row of its own");
    }
    first.commit(&[]).await.expect("the first to commit");
    let late = second.commit(&[]).await;
    assert!(matches!(late, Err(Error::Serialization)), "{late:?}");
    assert_eq!((number(&sql, "left").await, number(&sql, "right").await), (Some(1), Some(0)));
}

#[tokio::test]
async fn a_deadlock_is_to_be_run_again() {
    let Some((_postgres, sql)) = prepared("deadlock", 2).await else { return };
    let (first, second) = join(sql.begin(), sql.begin()).await;
    let (mut first, mut second) = (first.expect("idle"), second.expect("idle"));
    run(&mut *first, LEFT).await.expect("nobody has it");
    run(&mut *second, RIGHT).await.expect("nobody has it");
    // Who is chosen gives way at once, so that the other can end.
    let crosswise = async |mut session: Box<dyn Session>, statement| {
        let result = run(&mut *session, statement).await;
        drop(session);
        result
    };
    let (first, second) = join(crosswise(first, RIGHT), crosswise(second, LEFT)).await;
    let serialization = |result: &Result<(), Error>| matches!(result, Err(Error::Serialization));
    assert!(serialization(&first) || serialization(&second), "{first:?} {second:?}");
}

/// Others come between twice: what loses runs again, and is counted under its name each time.
#[tokio::test]
async fn a_transaction_that_lost_is_counted_under_its_name() {
    let Some((_postgres, sql)) = prepared("counted", 2).await else { return };
    let sql = Arc::new(sql.at(Isolation::Serializable));
    let ports = stormproof_bindings::ports("replica", sql.clone(), Arc::new(Absent("no queue")));
    let runs = AtomicU32::new(0);
    let done: Result<(), Error> = transact(&ports, "loses", |transaction| {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        let ports = &ports;
        async move {
            sqlx::query(READ).execute(transaction.sql()).await?;
            if run < 2 {
                let rival = transact(ports, "comes_between", |transaction| {
                    async move { write_left(transaction).await }.scope_boxed()
                });
                rival.await?;
            }
            write_left(transaction).await
        }
        .scope_boxed()
    })
    .await;
    done.expect("nobody comes between the third time");
    assert_eq!(number(&sql, "left").await, Some(3));
    let counts = ports.transactions.read();
    let of = |name| TransactionOutcome::ALL.map(|outcome| counts[name].of(outcome));
    assert_eq!((of("loses"), of("comes_between")), ([1, 0, 2, 0, 0, 0], [2, 0, 0, 0, 0, 0]));
}

async fn write_left(transaction: &mut Transaction<'_>) -> Result<(), Error> {
    sqlx::query(LEFT).execute(transaction.sql()).await?;
    Ok(())
}

#[tokio::test]
async fn a_session_lost_before_its_commit_is_unavailable_and_undone() {
    let Some((postgres, sql)) = prepared("lost_before", 2).await else { return };
    let mut session = sql.begin().await.expect("idle");
    run(&mut *session, LEFT).await.expect("nobody else is there");
    terminate_all(&postgres).await;
    let result = session.commit(&[]).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    assert_eq!(number(&sql, "left").await, Some(0));
}

/// The kept connections are all dead, and none of them is in a caller's way.
#[tokio::test]
async fn a_restarted_server_is_found_again_at_once() {
    let Some((postgres, sql)) = prepared("restarted", 4).await else { return };
    let sessions = join_all((0..4).map(|_| sql.begin())).await;
    assert!(sessions.iter().all(Result::is_ok), "four connections are allowed");
    drop(sessions);
    sql.ping().await.expect("it is there");
    terminate_all(&postgres).await;
    for _ in 0..4 {
        let start = Instant::now();
        let session = sql.begin().await;
        assert!(session.is_ok(), "{:?}", session.err());
        assert!(start.elapsed() < Duration::from_secs(4));
    }
}

/// It may be starting again; a caller is told after five seconds.
#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let Some((postgres, _)) = prepared("away", 1).await else { return };
    let (url, proxy) = proxy(&postgres, true).await;
    let through = Sql::postgres(&url, 1).await.expect("the proxy lets all pass");
    proxy.abort();
    proxy.await.expect_err("it was told to end");
    let start = Instant::now();
    let Err(error) = through.begin().await else { panic!("nobody listens") };
    let took = start.elapsed().as_secs_f64();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!((4.5..8.0).contains(&took), "{took} s");
}

async fn terminate_all(postgres: &Postgres) {
    let mut connection = postgres.connect().await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&mut connection)
    .await
    .expect("the tests' user may do so");
}

/// Whether the commit arrived or not, nobody hears of it.
#[tokio::test]
async fn a_connection_lost_at_the_commit_is_unknown() {
    let Some((postgres, sql)) = prepared("lost_at", 2).await else { return };
    for (arrives, expected) in [(true, Some(1)), (false, Some(1))] {
        let (url, _proxy) = proxy(&postgres, arrives).await;
        let through = Sql::postgres(&url, 1).await.expect("the proxy lets all else pass");
        let mut session = through.begin().await.expect("the proxy lets all else pass");
        run(&mut *session, LEFT).await.expect("the proxy lets all else pass");
        let result = session.commit(&[]).await;
        assert!(matches!(result, Err(Error::Unknown(_))), "arrives {arrives}: {result:?}");
        assert_eq!(number(&sql, "left").await, expected, "arrives {arrives}");
    }
}

/// The way to the server, cut when a COMMIT passes: after it arrived and was answered, or before.
async fn proxy(postgres: &Postgres, arrives: bool) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let mut url: reqwest::Url = postgres.url.parse().expect("it was made by us");
    let server = (url.host_str().unwrap_or("127.0.0.1").to_owned(), url.port().unwrap_or(5432));
    let port = listener.local_addr().expect("it is bound").port();
    url.set_host(Some("127.0.0.1")).and(Ok(url.set_port(Some(port)))).expect("a host").ok();
    let proxy = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.expect("the server answered just now");
            tokio::spawn(carry(client, server, arrives));
        }
    });
    (url.into(), proxy)
}

async fn carry(mut client: TcpStream, mut server: TcpStream, arrives: bool) {
    let (mut there, mut back) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            biased;
            read = server.read(&mut back) => match read {
                Ok(length @ 1..) => client.write_all(&back[..length]).await.expect("it reads"),
                _ => return,
            },
            read = client.read(&mut there) => match read {
                Ok(length @ 1..) => {
                    let commit = there[..length].windows(7).any(|word| word == b"COMMIT\0");
                    if commit && !arrives {
                        return;
                    }
                    server.write_all(&there[..length]).await.expect("it reads");
                    if commit {
                        let answer = server.read(&mut back).await;
                        assert!(answer.is_ok_and(|length| length > 0), "the server answers");
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}

#[tokio::test]
async fn who_gets_no_connection_in_time_is_told_that_nothing_happened() {
    let scratch = Scratch::new("busy");
    let file = Sql::sqlite(&scratch.path().join("busy.db")).await.expect("a new file");
    let (_server, postgres) = prepared("busy", 1).await.unzip();
    let databases = [Some(file), postgres];
    let waits = databases.iter().flatten().map(async |sql| {
        let held = sql.begin().await.expect("idle");
        let start = Instant::now();
        let Err(error) = sql.begin().await else { panic!("there is one connection") };
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        let took = start.elapsed().as_secs_f64();
        assert!((4.5..8.0).contains(&took), "{took} s");
        drop(held);
        let next = timeout(Duration::from_secs(2), sql.begin()).await;
        assert!(next.is_ok_and(|next| next.is_ok()), "the next one gets it");
    });
    join_all(waits).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_server_is_told() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr();
    let nobody = format!("postgres://postgres@{}/x", nobody.expect("it was bound"));
    let result = Sql::postgres(&nobody, 1).await.err();
    assert!(matches!(result, Some(OpenError::Unreachable(_))), "{result:?}");
    for url in ["", "postgres", "mysql://user:secret@127.0.0.1/x", "sqlite::memory:"] {
        let result = Sql::postgres(url, 1).await.err();
        assert!(matches!(result, Some(OpenError::BadUrl(_))), "{url}: {result:?}");
        assert!(!result.is_some_and(|error| error.to_string().contains("secret")));
    }
    let Some(postgres) = Postgres::or_skip("refused").await else { return };
    let result = Sql::postgres(&format!("{}_absent", postgres.url), 1).await.err();
    assert!(matches!(result, Some(OpenError::Refused(_))), "{result:?}");
}

/// Postgres that has been killed answers while it recovers, and that it lets nobody in yet.
#[tokio::test]
async fn a_server_that_recovers_cannot_be_reached_yet() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    for (code, is_refusal) in [("57P03", false), ("57P01", false), ("28000", true)] {
        let answer = async {
            let (mut client, _) = listener.accept().await.expect("somebody connects");
            let read = client.read(&mut [0; 1024]).await;
            assert!(read.is_ok_and(|count| count > 0), "it says who it is");
            // ErrorResponse (PostgreSQL's documentation, "Message Formats").
            let fields = format!("SFATAL\0C{code}\0Mthe words\0\0");
            let length = u32::try_from(fields.len() + 4).expect("it is short").to_be_bytes();
            let message = [b"E", &length[..], fields.as_bytes()].concat();
            client.write_all(&message).await.expect("it reads");
        };
        let url = format!("postgres://postgres@{address}/store?sslmode=disable");
        let (result, ()) = join(Sql::postgres(&url, 1), answer).await;
        let error = result.err().expect("nobody is let in");
        assert_eq!(matches!(error, OpenError::Refused(_)), is_refusal, "{code}: {error}");
        assert_eq!(matches!(error, OpenError::Unreachable(_)), !is_refusal, "{code}: {error}");
        assert!(error.to_string().contains("the words"), "{error}");
    }
}

/// No statement and no lock holds up a service for long, and no silent transaction the others.
#[tokio::test]
async fn every_connection_has_limits() {
    let Some((_postgres, sql)) = prepared("limits", 1).await else { return };
    let mut session = sql.begin().await.expect("idle");
    let limits = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), \
                  current_setting('idle_in_transaction_session_timeout'), \
                  current_setting('transaction_isolation')";
    let row = sqlx::query(limits).fetch_one(session.connection()).await.expect("settings");
    let found: Vec<String> = (0..4).map(|place| row.get(place)).collect();
    assert_eq!(found, ["10s", "5s", "10s", "read committed"]);
    run(&mut *session, "SET LOCAL statement_timeout = '50ms'").await.expect("a setting");
    let slow = run(&mut *session, "SELECT CAST(pg_sleep(5) AS TEXT)").await;
    assert!(matches!(slow, Err(Error::Unavailable(_))), "{slow:?}");
}

/// Replicas that start together all migrate; a migration that was changed afterwards is refused.
#[tokio::test]
async fn replicas_migrate_at_once_and_once() {
    let scratch = Scratch::new("migrate");
    for service in SERVICES {
        let file = Sql::sqlite(&scratch.path().join(service.name)).await.expect("a new file");
        file.migrate(&service.migrator()).await.expect("an empty database");
        file.migrate(&service.migrator()).await.expect("nothing is left to do");
        let Some(postgres) = Postgres::or_skip("migrate").await else { continue };
        let open = || async { Sql::postgres(&postgres.url, 2).await.expect("the server answered") };
        let replicas = Arc::new(join_all((0..4).map(|_| open())).await);
        let migrator = service.migrator();
        let migrated = join_all(replicas.iter().map(|replica| replica.migrate(&migrator))).await;
        for result in migrated {
            result.unwrap_or_else(|error| panic!("{}: {error}", service.name));
        }
        let sql = SqlStr::from_static("CREATE TABLE changed (id TEXT)");
        let changed = Migration::new(1, "changed".into(), MigrationType::Simple, sql, false);
        let changed = Migrator::with_migrations(vec![changed]);
        for replica in [&replicas[0], &file] {
            let result = replica.migrate(&changed).await;
            assert!(matches!(result, Err(OpenError::Migration(_))), "{result:?}");
        }
    }
}
