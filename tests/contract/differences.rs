//! What bindings do differently on purpose: each row of the table in
//! `system/ports/src/contract/mod.rs`, shown. Where there is no Postgres, its half is skipped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use sqlx::Row as _;
use stormproof_bindings::compute::ThreadPool;
use stormproof_bindings::database::Sql;
use stormproof_bindings::rng::SystemRng;
use stormproof_ports::DatabaseError as Error;
use stormproof_ports::{Compute as _, Database, Ports, Rng, contract};
use stormproof_world::run;

use super::scratch::Scratch;
use super::spec;
use crate::servers::postgres::Postgres;

/// What a probe saw, on each engine.
struct Seen {
    simulated: String,
    sqlite: String,
    /// None if it was skipped.
    postgres: Option<String>,
}

/// Runs a probe on a fresh database of every binding.
async fn on_every_engine(
    purpose: &str,
    probe: for<'d> fn(&'d dyn Database) -> futures::future::BoxFuture<'d, String>,
) -> Seen {
    let simulated = tokio::task::spawn_blocking(move || {
        run(spec(1), move |world| async move {
            let ports: Ports = world.ports("contract");
            let probed = world.spawn("contract", async move { probe(&*ports.database).await });
            probed.await.expect("nobody kills the node")
        })
    });
    let simulated = simulated.await.expect("the probe does not panic");
    let scratch = Scratch::new(purpose);
    let file = Sql::sqlite(&scratch.path().join("probe.db")).await.expect("a new file");
    file.migrate(&contract::database::migrator()).await.expect("the tables are new");
    let sqlite = probe(&file).await;
    let postgres = match Postgres::or_skip(purpose).await {
        None => None,
        Some(server) => {
            let sql = Sql::postgres(&server.url, 2).await.expect("the server answered");
            sql.migrate(&contract::database::migrator()).await.expect("the tables are new");
            Some(probe(&sql).await)
        }
    };
    Seen { simulated, sqlite, postgres }
}

impl Seen {
    #[track_caller]
    fn is(&self, simulated_and_sqlite: &str, postgres: &str) {
        assert_eq!(self.simulated, simulated_and_sqlite, "simulated");
        assert_eq!(self.sqlite, simulated_and_sqlite, "SQLite");
        if let Some(seen) = &self.postgres {
            assert_eq!(seen, postgres, "Postgres");
        }
    }
}

/// One statement in a transaction of its own: its first value as text, or what refused it.
async fn answer(database: &dyn Database, statement: &'static str) -> String {
    let mut session = database.begin().await.expect("nobody else is there");
    match sqlx::query(statement).fetch_one(session.connection()).await {
        Ok(row) => row
            .try_get::<String, _>(0)
            .or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()))
            .unwrap_or_else(|_| "another type".to_owned()),
        Err(error) => match error.as_database_error().and_then(|error| error.code()) {
            Some(code) => format!("refused: {code}"),
            None => "another type".to_owned(),
        },
    }
}

#[tokio::test]
async fn a_failed_statement_spoils_the_transaction_or_not() {
    let seen = on_every_engine("failed_statement", |database| {
        Box::pin(async move {
            let mut session = database.begin().await.expect("nobody else is there");
            let insert = "INSERT INTO contract_numbers VALUES ('once', 1)";
            sqlx::query(insert).execute(session.connection()).await.expect("the key is new");
            let again = sqlx::query(insert).execute(session.connection()).await;
            assert!(again.is_err(), "the key is taken");
            match session.commit(&[]).await {
                Ok(()) => "goes on".to_owned(),
                Err(Error::Unavailable(_)) => "undone".to_owned(),
                Err(error) => error.to_string(),
            }
        })
    })
    .await;
    seen.is("goes on", "undone");
}

#[tokio::test]
async fn a_second_transaction_waits_or_runs_beside_the_first() {
    let seen = on_every_engine("second", |database| {
        Box::pin(async move {
            let _first = database.begin().await.expect("nobody else is there");
            match database.begin().await {
                Ok(_) => "beside".to_owned(),
                Err(Error::Unavailable(_)) => "waits".to_owned(),
                Err(error) => error.to_string(),
            }
        })
    })
    .await;
    seen.is("waits", "beside");
}

#[tokio::test]
async fn nul_is_a_character_or_not() {
    let seen = on_every_engine("nul", |database| {
        Box::pin(async move {
            let mut session = database.begin().await.expect("nobody else is there");
            let echo = sqlx::query_scalar::<_, String>("SELECT CAST($1 AS TEXT)").bind("a\0b");
            match echo.fetch_one(session.connection()).await {
                Ok(text) => format!("{text:?}"),
                Err(error) => format!("{:?}", error.as_database_error().and_then(|it| it.code())),
            }
        })
    })
    .await;
    seen.is("\"a\\0b\"", "Some(\"22021\")");
}

#[tokio::test]
async fn nulls_come_first_or_last() {
    let seen = on_every_engine("nulls", |database| {
        Box::pin(answer(
            database,
            "SELECT name FROM (SELECT 'null' AS name, CAST(NULL AS BIGINT) AS n \
             UNION ALL SELECT 'one', 1) AS it ORDER BY n LIMIT 1",
        ))
    })
    .await;
    seen.is("null", "one");
}

#[tokio::test]
async fn like_tells_cases_apart_or_not() {
    let seen = on_every_engine("like", |database| {
        let like = "SELECT CASE WHEN 'Teapot' LIKE 'tea%' THEN 'alike' ELSE 'apart' END";
        Box::pin(answer(database, like))
    })
    .await;
    seen.is("alike", "apart");
}

#[tokio::test]
async fn a_sum_is_a_bigint_or_not() {
    let seen = on_every_engine("sum", |database| {
        let sum = "SELECT SUM(n) FROM (SELECT CAST(1 AS BIGINT) AS n) AS it";
        Box::pin(answer(database, sum))
    })
    .await;
    seen.is("1", "another type");
}

#[tokio::test]
async fn an_overflow_becomes_a_fraction_or_an_error() {
    let seen = on_every_engine("overflow", |database| {
        let sum = "SELECT CAST(9223372036854775807 AS BIGINT) + CAST(1 AS BIGINT)";
        Box::pin(answer(database, sum))
    })
    .await;
    seen.is("another type", "refused: 22003");
}

/// A database in another collation than C sorts by language: the shop's databases are made with C.
#[tokio::test]
async fn text_is_sorted_by_bytes_or_by_language() {
    let Some(server) = Postgres::or_skip("language").await else { return };
    let sql = Sql::postgres(&server.url, 1).await.expect("the server answered");
    let sort = "SELECT CASE WHEN 'a' < 'B' COLLATE \"en-x-icu\" THEN 'language' ELSE 'bytes' END";
    assert_eq!(answer(&sql, sort).await, "language");
    let sort = "SELECT CASE WHEN 'a' < 'B' THEN 'language' ELSE 'bytes' END";
    assert_eq!(answer(&sql, sort).await, "bytes");
}

#[test]
fn a_seed_decides_the_draws_or_nothing_does() {
    let draw = |rng: &dyn Rng| {
        let mut bytes = [0; 16];
        rng.fill("id", &mut bytes);
        bytes
    };
    let of_seed = |seed| run(spec(seed), async |world| draw(&*world.ports("contract").rng));
    assert_eq!(of_seed(1), of_seed(1));
    assert_ne!(of_seed(1), of_seed(2));
    assert_ne!(draw(&SystemRng), draw(&SystemRng));
}

/// In the world a job runs where it is asked for; on a machine as many at once as there are places.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jobs_run_at_once_up_to_a_bound() {
    let pool = ThreadPool::new(2);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let jobs = (0..6).map(|_| {
        let (running, most) = (running.clone(), most.clone());
        pool.run(Box::new(move || {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            running.fetch_sub(1, Ordering::SeqCst);
        }))
    });
    join_all(jobs).await;
    assert_eq!(most.load(Ordering::SeqCst), 2);

    let jobs: BTreeMap<&str, usize> = run(spec(1), |world| async move {
        let compute = world.ports("contract").compute;
        let done = Arc::new(AtomicUsize::new(0));
        let its_done = done.clone();
        let job = compute.run(Box::new(move || {
            its_done.fetch_add(1, Ordering::SeqCst);
        }));
        let asked = futures::FutureExt::now_or_never(job).is_some();
        BTreeMap::from([("at once", usize::from(asked)), ("done", done.load(Ordering::SeqCst))])
    });
    assert_eq!(jobs, BTreeMap::from([("at once", 1), ("done", 1)]));
}
