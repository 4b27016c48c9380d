//! Statements and commits: what a transaction consists of, on a table like those that services have, in a
//! database of its own on the Store's server.

use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::AnyConnection;
use stormproof_bindings::database::Sql;
use stormproof_ports::machine::{Demand, WorkKind};
use stormproof_ports::{Database as _, DatabaseError, Session};
use tokio::time::Instant;
use url::Url;

use super::stopwatch::{Stopwatch, Timing, micros};
use super::{POSTGRES, run_number};
use crate::config::Config;
use crate::databases;

const TABLES: [&str; 3] = [
    "CREATE TABLE scratch (id TEXT PRIMARY KEY, owner TEXT NOT NULL, status TEXT NOT NULL, \
     amount BIGINT NOT NULL, begun_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX scratch_owner ON scratch (owner, begun_at)",
    "CREATE INDEX scratch_open ON scratch (changed_at) WHERE status = 'OPEN'",
];

const INSERT: &str = "INSERT INTO scratch (id, owner, status, amount, begun_at, changed_at, body) \
                      VALUES ($1, $2, 'OPEN', $3, $4, $4, $5)";
const SELECT: &str = "SELECT owner, status, amount, begun_at, body FROM scratch WHERE id = $1";
const UPDATE: &str =
    "UPDATE scratch SET status = 'DONE', amount = $2, changed_at = $3 WHERE id = $1";
const DELETE: &str = "DELETE FROM scratch WHERE id = $1";

/// What a row says besides, in letters: about as much as a message.
const BODY: usize = 200;

/// As many as a replica has.
const CONNECTIONS: usize = 8;

/// Statements in one transaction, where their own time is asked for.
const TOGETHER: u32 = 50;

/// Measures each kind, `rounds` times.
///
/// # Errors
/// In words: what the database refused.
pub async fn measure(
    config: &Config,
    watch: &Stopwatch,
    rounds: u32,
) -> Result<[(WorkKind, Demand); 7], String> {
    let mut url: Url =
        config.database_url("store").parse().map_err(|_| "database.url is no URL")?;
    url.set_path(&format!("stormproof_measure_{}", run_number()));
    databases::create(url.as_str()).await?;
    let measured = in_scratch(url.as_str(), watch, rounds).await;
    let dropped = databases::remove(url.as_str()).await;
    let demands = measured.map_err(|why| format!("the scratch database: {why}"))?;
    dropped.map(|()| demands)
}

async fn in_scratch(
    url: &str,
    watch: &Stopwatch,
    rounds: u32,
) -> Result<[(WorkKind, Demand); 7], String> {
    let mut databases = Vec::new();
    for _ in 0..CONNECTIONS {
        databases.push(Sql::postgres(url, 1).await.map_err(|error| error.to_string())?);
    }
    let scratch = Scratch { databases, turn: AtomicUsize::new(0), watch };
    let mut session = scratch.begin().await?;
    for table in TABLES {
        let made = sqlx::query(table).execute(session.connection()).await;
        made.map_err(|error| error.to_string())?;
    }
    commit(session).await?;
    // Connections are made, plans and pages are there.
    for _ in 0..CONNECTIONS {
        commit(scratch.begin().await?).await?;
    }
    scratch.statements(WorkKind::Insert, 0, rounds).await?;
    let (begin, finish) = scratch.ends(rounds).await?;
    let ends = finish.processor;
    let inside = |timing: Timing| timing.without(ends, 2.0 / f64::from(TOGETHER));
    let insert = inside(scratch.statements(WorkKind::Insert, rounds, rounds).await?);
    let select = inside(scratch.statements(WorkKind::Select, rounds, rounds).await?);
    let update = inside(scratch.statements(WorkKind::Update, rounds, rounds).await?);
    let delete = inside(scratch.statements(WorkKind::Delete, rounds, rounds).await?);
    let commit = scratch.commits(3 * rounds, rounds).await?;
    let commit = commit.without(insert.processor, 1.0).without(ends, 1.0);
    for database in &scratch.databases {
        database.close().await;
    }
    let timings = [
        (WorkKind::Begin, begin),
        (WorkKind::Select, select),
        (WorkKind::Insert, insert),
        (WorkKind::Update, update),
        (WorkKind::Delete, delete),
        (WorkKind::Commit, commit),
        (WorkKind::Finish, finish),
    ];
    Ok(timings.map(|(kind, timing)| (kind, timing.demand())))
}

/// One operation at a time, over several connections in turn: each is a process of the server's.
struct Scratch<'a> {
    databases: Vec<Sql>,
    turn: AtomicUsize,
    watch: &'a Stopwatch,
}

impl Scratch<'_> {
    /// On the next connection.
    async fn begin(&self) -> Result<Box<dyn Session>, String> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.databases.len();
        let begun = self.databases[turn].begin().await;
        begun.map_err(|error: DatabaseError| error.to_string())
    }

    /// Transactions without a statement: what BEGIN takes, and COMMIT. Of the processors each has half.
    async fn ends(&self, rounds: u32) -> Result<(Timing, Timing), String> {
        let mut committed_us = Vec::new();
        let timing = self.watch.time(POSTGRES, 2 * rounds, async |begun_us| {
            for _ in 0..rounds {
                let start = Instant::now();
                let session = self.begin().await?;
                begun_us.push(micros(start.elapsed()));
                let start = Instant::now();
                commit(session).await?;
                committed_us.push(micros(start.elapsed()));
            }
            Ok(())
        });
        let begin = timing.await?;
        let finish = Timing { processor: begin.processor, took_us: committed_us };
        Ok((begin, finish))
    }

    /// Transactions with an INSERT each: what the COMMIT takes, and of the processors the rest too.
    async fn commits(&self, first: u32, rounds: u32) -> Result<Timing, String> {
        let timing = self.watch.time(POSTGRES, rounds, async |took_us| {
            for number in first..first + rounds {
                let mut session = self.begin().await?;
                statement(WorkKind::Insert, number, session.connection()).await?;
                let start = Instant::now();
                commit(session).await?;
                took_us.push(micros(start.elapsed()));
            }
            Ok(())
        });
        timing.await
    }

    /// So many statements of one kind, on the rows from `first` on; of the processors the transactions
    /// around them have their share.
    async fn statements(&self, kind: WorkKind, first: u32, rounds: u32) -> Result<Timing, String> {
        let timing = self.watch.time(POSTGRES, rounds, async |took_us| {
            let mut next = first;
            while next < first + rounds {
                let mut session = self.begin().await?;
                let end = (next + TOGETHER).min(first + rounds);
                for number in next..end {
                    let start = Instant::now();
                    statement(kind, number, session.connection()).await?;
                    took_us.push(micros(start.elapsed()));
                }
                commit(session).await?;
                next = end;
            }
            Ok(())
        });
        timing.await
    }
}

async fn statement(
    kind: WorkKind,
    number: u32,
    connection: &mut AnyConnection,
) -> Result<(), String> {
    let (id, amount) = (id(number), i64::from(number));
    let at = 1_700_000_000_000_000 + amount;
    let query = match kind {
        WorkKind::Insert => {
            let owner = format!("owner-{}", number % 100);
            sqlx::query(INSERT).bind(id).bind(owner).bind(amount).bind(at).bind("x".repeat(BODY))
        }
        WorkKind::Update => sqlx::query(UPDATE).bind(id).bind(amount + 1).bind(at + 1),
        WorkKind::Delete => sqlx::query(DELETE).bind(id),
        _ => {
            let row = sqlx::query(SELECT).bind(id).fetch_optional(connection).await;
            return row.map(drop).map_err(|error| error.to_string());
        }
    };
    query.execute(connection).await.map(drop).map_err(|error| error.to_string())
}

/// As scattered as ids are that are drawn: Knuth's multiplicative hash.
fn id(number: u32) -> String {
    format!("{:08x}-4000-8000-0000-{number:012x}", number.wrapping_mul(2_654_435_761))
}

async fn commit(session: Box<dyn Session>) -> Result<(), String> {
    session.commit_sound(&[]).await.map_err(|error| error.to_string())
}
