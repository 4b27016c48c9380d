//! What every database owes, on tables of its own.
//!
//! A suite brings an empty database to [`migrator`]'s tables. The checks write under keys of their
//! own and leave their rows behind; each can run once on a database.

mod codecs;
mod races;
mod values;

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, SqlStr};

use super::{Broken, Check, Kept, ensure};
use crate::{Database, Ports};

use codecs::{keeps_codecs, tells_what_no_codec_wrote};
use races::{gives_a_key_once, gives_the_last_one_once, loses_no_increment, serves_many_at_once};
use values::{counts_and_sums_alike, keeps_values, sorts_text_by_bytes};

/// Every check of this port. Each can run once on a database.
pub const CHECKS: [Check; 14] = [
    Check::new("database keeps values", |ports| Box::pin(keeps_values(&*ports.database))),
    Check::new("database keeps what codecs write", |ports| {
        Box::pin(keeps_codecs(&*ports.database))
    }),
    Check::new("database tells what no codec wrote", |ports| {
        Box::pin(tells_what_no_codec_wrote(&*ports.database))
    }),
    Check::new("database sorts text by bytes", |ports| {
        Box::pin(sorts_text_by_bytes(&*ports.database))
    }),
    Check::new("database counts and sums alike", |ports| {
        Box::pin(counts_and_sums_alike(&*ports.database))
    }),
    Check::new("database has a clock that goes on", |ports| {
        Box::pin(has_a_clock_that_goes_on(ports))
    }),
    Check::new("database forgets what was dropped", |ports| {
        Box::pin(forgets_what_was_dropped(&*ports.database))
    }),
    Check::new("database shows what was committed", |ports| {
        Box::pin(shows_what_was_committed(&*ports.database))
    }),
    Check::new("database tells violations apart", |ports| {
        Box::pin(tells_violations_apart(&*ports.database))
    }),
    Check::new("database commits no failed transaction in silence", |ports| {
        Box::pin(commits_no_failed_transaction_in_silence(&*ports.database))
    }),
    Check::new("database loses no increment", |ports| Box::pin(loses_no_increment(ports))),
    Check::new("database gives the last one once", |ports| {
        Box::pin(gives_the_last_one_once(ports))
    }),
    Check::new("database gives a key once", |ports| Box::pin(gives_a_key_once(ports))),
    Check::new("database serves many at once", |ports| Box::pin(serves_many_at_once(ports))),
];

/// How long a clock is watched.
const PAUSE: Duration = Duration::from_millis(50);

/// Two clocks of one machine may be read in another order than they are asked.
const GRAIN: Duration = Duration::from_millis(5);

/// The tables that the checks use.
pub fn migrator() -> Migrator {
    let sql = SqlStr::from_static(
        "CREATE TABLE contract_numbers (
            id TEXT   NOT NULL PRIMARY KEY,
            n  BIGINT NOT NULL CONSTRAINT contract_numbers_floor CHECK (n > -1000)
        );
        CREATE TABLE contract_values (
            id    TEXT NOT NULL PRIMARY KEY,
            whole BIGINT,
            words TEXT,
            CONSTRAINT contract_values_words_once UNIQUE (words)
        );",
    );
    let kind = MigrationType::Simple;
    Migrator::with_migrations(vec![Migration::new(1, "contract".into(), kind, sql, false)])
}

/// Inside of a transaction too, and as fast as time does.
async fn has_a_clock_that_goes_on(ports: &Ports) -> Kept {
    let mut session = ports.database.begin().await?;
    let first = session.time().await?;
    ports.clock.sleep(PAUSE).await;
    let inside = session.time().await?;
    drop(session);
    let mut session = ports.database.begin().await?;
    let later = session.time().await?;
    let passed = [inside.since(first), later.since(first)];
    ensure(passed[0] >= PAUSE - GRAIN && passed[1] >= passed[0], || {
        format!("after {PAUSE:?} {passed:?} had passed")
    })
}

async fn forgets_what_was_dropped(database: &dyn Database) -> Kept {
    let mut session = database.begin().await?;
    insert(session.connection(), "dropped", 1).await?;
    drop(session);
    let mut session = database.begin().await?;
    let found = find(session.connection(), "dropped").await?;
    ensure(found.is_none(), || format!("a dropped transaction left {found:?}"))
}

/// To itself at once, to the others from the commit on.
async fn shows_what_was_committed(database: &dyn Database) -> Kept {
    let mut session = database.begin().await?;
    insert(session.connection(), "committed", 7).await?;
    let own = find(session.connection(), "committed").await?;
    session.commit(&[]).await?;
    let mut session = database.begin().await?;
    let later = find(session.connection(), "committed").await?;
    ensure(own == Some(7) && later == Some(7), || format!("own {own:?}, later {later:?}"))
}

/// A taken key, a taken value, a broken rule and a missing value.
async fn tells_violations_apart(database: &dyn Database) -> Kept {
    let mut session = database.begin().await?;
    insert(session.connection(), "taken", 1).await?;
    value(session.connection(), "taken", None, Some("taken words")).await?;
    session.commit(&[]).await?;

    let mut session = database.begin().await?;
    let key = insert(session.connection(), "taken", 2).await;
    let key = violation(key, |error| error.is_unique_violation());
    drop(session);
    let mut session = database.begin().await?;
    let words = value(session.connection(), "other", None, Some("taken words")).await;
    let words = violation(words, |error| error.is_unique_violation());
    drop(session);
    let mut session = database.begin().await?;
    let rule = insert(session.connection(), "floored", -1000).await;
    let rule = violation(rule, |error| error.is_check_violation());
    drop(session);
    let mut session = database.begin().await?;
    let sql = "INSERT INTO contract_numbers (id) VALUES ('missing')";
    let missing = sqlx::query(sql).execute(session.connection()).await.map(drop);
    let missing =
        violation(missing, |error| error.kind() == sqlx::error::ErrorKind::NotNullViolation);
    drop(session);
    for (name, seen) in [("key", key), ("words", words), ("rule", rule), ("missing", missing)] {
        seen.map_err(|why| Broken(format!("{name}: {why}")))?;
    }

    let mut session = database.begin().await?;
    let sql = "INSERT INTO contract_numbers (id, n) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    let done = sqlx::query(sql).bind("taken").bind(3_i64).execute(session.connection()).await?;
    let rows = done.rows_affected();
    let found = find(session.connection(), "taken").await?;
    ensure(rows == 0 && found == Some(1), || format!("a taken key: {rows} rows, then {found:?}"))
}

/// Some engines go on after a failed statement, some do not; but none says that it committed what
/// it did not.
async fn commits_no_failed_transaction_in_silence(database: &dyn Database) -> Kept {
    let mut session = database.begin().await?;
    insert(session.connection(), "before the failure", 1).await?;
    let failed = insert(session.connection(), "before the failure", 2).await;
    ensure(failed.is_err(), || "a key is taken twice".to_owned())?;
    let committed = session.commit(&[]).await;
    let mut session = database.begin().await?;
    let found = find(session.connection(), "before the failure").await?;
    ensure(committed.is_ok() == found.is_some(), || {
        format!("the commit said {committed:?}, and {found:?} is there")
    })
}

fn violation(
    result: Result<(), sqlx::Error>,
    is_expected: fn(&dyn sqlx::error::DatabaseError) -> bool,
) -> Result<(), String> {
    match &result {
        Err(sqlx::Error::Database(error)) if is_expected(&**error) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

async fn insert(sql: &mut AnyConnection, id: &str, n: i64) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO contract_numbers (id, n) VALUES ($1, $2)");
    insert.bind(id.to_owned()).bind(n).execute(sql).await.map(drop)
}

async fn find(sql: &mut AnyConnection, id: &str) -> Result<Option<i64>, sqlx::Error> {
    let find = sqlx::query_scalar("SELECT n FROM contract_numbers WHERE id = $1");
    find.bind(id.to_owned()).fetch_optional(sql).await
}

async fn value(
    sql: &mut AnyConnection,
    id: &str,
    whole: Option<i64>,
    words: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO contract_values (id, whole, words) VALUES ($1, $2, $3)")
        .bind(id.to_owned())
        .bind(whole)
        .bind(words.map(str::to_owned))
        .execute(sql)
        .await
        .map(drop)
}
