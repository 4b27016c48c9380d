//! The truth, read from Postgres again and again, past all faults: what invariants judge, and what
//! people wait for.
//!
//! It lags: a commit shows with the next look. Who must see what is committed now asks for a look
//! that begins later ([`StatePoller::refreshed`]).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _, TypeInfo as _, ValueRef as _};
use sqlx_postgres::{PgConnectOptions, PgConnection, PgRow};
use stormproof_ports::sql::Value;
use stormproof_shop::judge::Judge;
use stormproof_shop::topology;
use stormproof_shop::truth::Truth;
use stormproof_shop::truth::reading::Rows;
use stormproof_shop::truth::whole::{Source, sources};
use stormproof_system::service::SERVICES;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::config::Config;

/// How long a look may be old.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long one look may take.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// Polls the databases, and keeps what the last poll saw.
pub struct StatePoller {
    databases: Vec<Options>,
    judge: Judge,
    begun: AtomicU64,
    done: watch::Sender<u64>,
    wake: Notify,
    seen: Mutex<Snapshot>,
}

struct Options {
    /// `store-db`
    name: String,
    options: PgConnectOptions,
}

/// What a look sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The watched tables, in the order of [`sources`].
    pub tables: Vec<Rows>,
    /// Outbox rows that are not sent, by database.
    pub unsent: Vec<(String, i64)>,
    /// Messages that were written into an outbox, and those of them that a consumer has done with.
    pub written: BTreeSet<String>,
    pub handled: BTreeSet<String>,
    /// Rows that were committed and are gone.
    pub lost: Vec<String>,
    /// Why the last look saw nothing.
    pub trouble: Option<String>,
}

impl StatePoller {
    /// Polls the databases of `config` from now on; the judge learns what is there.
    ///
    /// # Errors
    /// If an address is none.
    pub fn start(config: &Config, judge: &Judge) -> Result<Arc<StatePoller>, String> {
        let databases = SERVICES.iter().map(|service| {
            let options = config.database_url(service.name).parse();
            let options = options.map_err(|error: sqlx::Error| error.to_string())?;
            Ok(Options { name: topology::database_of(service.name), options })
        });
        let state_poller = Arc::new(StatePoller {
            databases: databases.collect::<Result<_, String>>()?,
            judge: judge.clone(),
            begun: AtomicU64::new(0),
            done: watch::channel(0).0,
            wake: Notify::new(),
            seen: Mutex::default(),
        });
        tokio::spawn(state_poller.clone().poll());
        Ok(state_poller)
    }

    /// Completes when a look that began after this call has been taken.
    pub async fn refreshed(&self) {
        let wanted = self.begun.load(Ordering::SeqCst) + 1;
        self.wake.notify_one();
        self.done.subscribe().wait_for(|done| *done >= wanted).await.ok();
    }

    /// What the last look saw.
    pub fn seen(&self) -> Snapshot {
        self.state().clone()
    }

    async fn poll(self: Arc<Self>) {
        let mut connections: Vec<Option<PgConnection>> =
            self.databases.iter().map(|_| None).collect();
        loop {
            let look = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let looks = self.databases.iter().zip(&mut connections);
            let looked =
                join_all(looks.map(|(database, connection)| look_at(database, connection)));
            match timeout(LOOK_MAX, looked).await {
                Ok(looked) => match looked.into_iter().collect::<Result<Vec<_>, _>>() {
                    Ok(parts) => self.note(parts),
                    Err(error) => self.state().trouble = Some(error.to_string()),
                },
                Err(_) => {
                    connections.iter_mut().for_each(|connection| *connection = None);
                    self.state().trouble = Some("Postgres does not answer in time".to_owned());
                }
            }
            self.done.send_replace(look);
            // An error says that nobody was in a hurry.
            timeout(LOOK_EVERY, self.wake.notified()).await.ok();
        }
    }

    /// Takes the parts of a look together, and tells the judge if anything is new.
    fn note(&self, parts: Vec<Part>) {
        let mut now = Snapshot::default();
        let mut tables: Vec<(usize, Rows)> = Vec::new();
        for part in parts {
            tables.extend(part.tables);
            now.unsent.push((part.name, part.unsent));
            now.written.extend(part.written);
            now.handled.extend(part.handled);
        }
        tables.sort_by_key(|(place, _)| *place);
        now.tables = tables.into_iter().map(|(_, rows)| rows).collect();
        let mut seen = self.state();
        now.lost.clone_from(&seen.lost);
        for (source, (then, rows)) in sources().iter().zip(seen.tables.iter().zip(&now.tables)) {
            if rows.len() < then.len() {
                let Source { database, table, .. } = source;
                let (then, now_there) = (then.len(), rows.len());
                now.lost.push(format!("{database}: {table} had {then} rows and has {now_there}"));
            }
        }
        if *seen == now {
            return;
        }
        let changed = seen.tables != now.tables;
        *seen = now;
        let tables = seen.tables.clone();
        drop(seen);
        if changed {
            let state = &mut *self.judge.state();
            state.truth = Truth::of(&tables);
            state.commits += 1;
            state.notify_all();
        }
    }

    /// Asks one service's database, on a connection of its own, until it answers or takes too long.
    ///
    /// # Errors
    /// Why it does not answer.
    pub async fn ask(&self, database: &str, sql: &str) -> Result<Rows, sqlx::Error> {
        let found = self.databases.iter().find(|it| it.name == database);
        let options = &found.expect("every service has a database").options;
        let begun = Instant::now();
        loop {
            let asked = async {
                let mut connection = PgConnection::connect_with(options).await?;
                let rows = rows(&mut connection, sql.to_owned()).await;
                connection.close().await.ok();
                rows
            };
            match asked.await {
                // Too many clients, say: all of them are short-lived.
                Err(_) if begun.elapsed() < LOOK_MAX => sleep(LOOK_EVERY).await,
                answer => return answer,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, Snapshot> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one database shows.
struct Part {
    name: String,
    /// Each with its place among [`sources`].
    tables: Vec<(usize, Rows)>,
    unsent: i64,
    written: Vec<String>,
    handled: Vec<String>,
}

/// All tables of one database, as of one moment.
async fn look_at(
    database: &Options,
    connection: &mut Option<PgConnection>,
) -> Result<Part, sqlx::Error> {
    // ReceivedMail, so that a connection that failed is not used again.
    let mut open = match connection.take() {
        Some(open) => open,
        None => PgConnection::connect_with(&database.options).await?,
    };
    open.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let mut tables = Vec::new();
    for (place, source) in sources().into_iter().enumerate() {
        if source.database == database.name {
            let sql = format!("SELECT {} FROM {}", source.columns, source.table);
            tables.push((place, rows(&mut open, sql).await?));
        }
    }
    let outbox = rows(&mut open, "SELECT id, status FROM outbox".into()).await?;
    let inbox = rows(&mut open, "SELECT message_id FROM inbox".into()).await?;
    open.execute("COMMIT").await?;
    *connection = Some(open);
    let text = |row: &Vec<Value>| row[0].as_str().unwrap_or_default().to_owned();
    let unsent = outbox.iter().filter(|row| row[1].as_str() != Some("SENT")).count();
    Ok(Part {
        name: database.name.clone(),
        tables,
        unsent: i64::try_from(unsent).expect("a rehearsal is small"),
        written: outbox.iter().map(text).collect(),
        handled: inbox.iter().map(text).collect(),
    })
}

async fn rows(connection: &mut PgConnection, sql: String) -> Result<Rows, sqlx::Error> {
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await?;
    rows.iter().map(|row| (0..row.len()).map(|at| value(row, at)).collect()).collect()
}

/// The shop's columns are BIGINT and TEXT.
fn value(row: &PgRow, at: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "INT8" => Value::Integer(row.try_get(at)?),
        _ => Value::Text(row.try_get(at)?),
    })
}
