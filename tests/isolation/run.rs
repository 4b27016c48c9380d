//! Running a case: each transaction on a connection of its own, and what each turn said.
//!
//! A statement that does not come back waits. PostgreSQL is asked whether it does; in the world it is a
//! future that is not ready when it is polled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, Row as _};
use sqlx_core::any::AnyTransactionManager;
use sqlx_core::sql_str::SqlSafeStr as _;
use sqlx_core::transaction::TransactionManager as _;
use stormproof_sqlite::{Disk, Isolation, Pace, SharedDatabase};
use tokio::task::JoinHandle;

use super::plan::{Plan, TABLE, Turn};

/// How many transactions there are at most.
const ACTORS: usize = 3;

/// What came of each turn, in their order, then the rows.
pub type Said = Vec<String>;

/// A connection that has come back, and what its turn said.
type Back = (AnyConnection, String);

/// One of the two sides.
trait Side {
    /// Gives the actor its turn.
    fn start(&mut self, who: usize, turn: Turn);

    /// Waits until everybody has come back or waits for somebody; says who has come back.
    async fn settle(&mut self) -> Vec<(usize, String)>;

    /// All rows that are committed.
    async fn rows(&mut self) -> String;
}

async fn play(side: &mut impl Side, plan: &Plan) -> Said {
    let mut said = BTreeMap::new();
    let mut waiting: BTreeMap<usize, usize> = BTreeMap::new();
    // In the end all commit, as soon as they can.
    let ends = (0..ACTORS * ACTORS).map(|turn| (turn % ACTORS, Turn::Commit));
    for (place, (who, turn)) in plan.turns.iter().cloned().chain(ends).enumerate() {
        if waiting.contains_key(&who) {
            continue;
        }
        side.start(who, turn);
        waiting.insert(who, place);
        said.insert(place, (who, "waits for ever".to_owned()));
        for (who, words) in side.settle().await {
            let begun = waiting.remove(&who).expect("it was given its turn");
            let waited = if begun == place { "" } else { "after a wait " };
            said.insert(begun, (who, format!("{waited}{words}")));
        }
    }
    let lines = said.into_iter().map(|(place, (who, words))| format!("{place:2} {who}: {words}"));
    let mut lines: Said = lines.collect();
    lines.push(side.rows().await);
    lines
}

/// Three connections of a server.
pub struct Server {
    /// For whoever looks and prepares.
    admin: AnyConnection,
    processes: Vec<i32>,
    free: BTreeMap<usize, AnyConnection>,
    busy: BTreeMap<usize, JoinHandle<Back>>,
    /// Who waits, and has looked whether that is a circle.
    waiting: BTreeSet<usize>,
    level: &'static str,
}

impl Server {
    pub async fn open(url: &str, level: &'static str) -> Server {
        let mut admin = AnyConnection::connect(url).await.expect("the server answers");
        admin.execute("DROP TABLE IF EXISTS shelf").await.expect("it is ours");
        admin.execute(TABLE[0]).await.expect("a table");
        let mut server = Server {
            admin,
            processes: Vec::new(),
            free: BTreeMap::new(),
            busy: BTreeMap::new(),
            waiting: BTreeSet::new(),
            level,
        };
        for who in 0..ACTORS {
            let mut actor = AnyConnection::connect(url).await.expect("the server answers");
            actor.execute("SET deadlock_timeout = '1ms'").await.expect("a superuser");
            let process = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut actor).await;
            server.processes.push(process.expect("it has one"));
            server.free.insert(who, actor);
        }
        server
    }

    /// Runs a case from the beginning.
    pub async fn play(&mut self, plan: &Plan) -> Said {
        self.admin.execute("DELETE FROM shelf").await.expect("nobody is in the way");
        self.admin.execute(TABLE[1]).await.expect("rows");
        play(self, plan).await
    }

    /// Whether those who wait go round in a circle, which the server is about to see.
    async fn is_circle(&mut self) -> bool {
        let mut blockers: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for who in self.busy.keys() {
            let process = self.processes[*who];
            let sql = "SELECT array_to_string(pg_blocking_pids($1), ' ')";
            let blocking = sqlx::query_scalar(sql).bind(process).fetch_one(&mut self.admin).await;
            let blocking: String = blocking.expect("it answers");
            let blocking = blocking.split(' ').filter_map(|word| word.parse().ok());
            blockers.insert(process, blocking.collect());
        }
        blockers.keys().any(|first| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![*first]);
            while let Some(process) = next.pop() {
                let more = blockers.get(&process).into_iter().flatten().copied();
                next.extend(more.filter(|it| seen.insert(*it)));
            }
            seen.contains(first)
        })
    }

    async fn waits(&mut self, who: usize) -> bool {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock' \
             AND cardinality(pg_blocking_pids(pid)) > 0";
        let waits = sqlx::query_scalar(sql).bind(self.processes[who]);
        waits.fetch_one(&mut self.admin).await.map(|count: i64| count == 1).expect("it answers")
    }
}

impl Side for Server {
    fn start(&mut self, who: usize, turn: Turn) {
        let connection = self.free.remove(&who).expect("it has come back");
        let begin = format!("BEGIN ISOLATION LEVEL {}", self.level);
        self.busy.insert(who, tokio::spawn(act(connection, begin, turn, true)));
    }

    async fn settle(&mut self) -> Vec<(usize, String)> {
        let mut back = Vec::new();
        let mut quiet = 0;
        while quiet < 2 {
            let mut all_wait = true;
            for who in 0..ACTORS {
                let Some(task) = self.busy.get_mut(&who) else { continue };
                if task.is_finished() {
                    let (connection, words) = task.await.expect("it does not panic");
                    self.busy.remove(&who);
                    self.free.insert(who, connection);
                    back.push((who, words));
                    all_wait = false;
                } else {
                    all_wait &= self.waits(who).await;
                }
            }
            all_wait = all_wait && !self.is_circle().await;
            quiet = if all_wait { quiet + 1 } else { 0 };
            let busy = self.busy.keys().copied().collect();
            // Whoever begins to wait looks for a circle a little later.
            let look = if all_wait && self.waiting != busy { 25 } else { 1 };
            if !busy.is_empty() {
                tokio::time::sleep(Duration::from_millis(look)).await;
            }
            self.waiting = busy;
        }
        back
    }

    async fn rows(&mut self) -> String {
        statement(&mut self.admin, "SELECT id || '=' || units FROM shelf ORDER BY id").await
    }
}

/// The same in the world.
struct World {
    database: SharedDatabase,
    free: BTreeMap<usize, AnyConnection>,
    /// In the order in which they began to wait.
    busy: Vec<(usize, BoxFuture<'static, Back>)>,
}

/// Nothing takes time, and a lock is waited for until it is free.
struct NoTime;

impl Pace for NoTime {
    fn statement(&self, _: &str) -> Option<BoxFuture<'static, ()>> {
        None
    }

    fn commit(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    fn lock(&self, ended: BoxFuture<'static, ()>) -> BoxFuture<'static, bool> {
        Box::pin(ended.map(|()| true))
    }
}

/// Runs a case in the world's database.
pub async fn in_the_world(plan: &Plan) -> Said {
    let isolation = match plan.level {
        "READ COMMITTED" => Isolation::ReadCommitted,
        _ => Isolation::RepeatableRead,
    };
    let disk = Disk::new("isolation");
    let database = SharedDatabase::open(&disk, "isolation.db").expect("a new disk");
    let connect = |who: usize| database.connect(isolation, who as u64, Arc::new(NoTime));
    let mut free: BTreeMap<usize, AnyConnection> =
        (0..ACTORS).map(|who| (who, connect(who))).collect();
    for text in TABLE {
        let mut first = free.first_entry().expect("three");
        first.get_mut().execute(text).await.expect("valid");
    }
    play(&mut World { database, free, busy: Vec::new() }, plan).await
}

impl Side for World {
    fn start(&mut self, who: usize, turn: Turn) {
        let connection = self.free.remove(&who).expect("it has come back");
        self.busy.push((who, Box::pin(act(connection, "BEGIN".to_owned(), turn, false))));
    }

    async fn settle(&mut self) -> Vec<(usize, String)> {
        let mut back = Vec::new();
        let mut place = 0;
        while place < self.busy.len() {
            match (&mut self.busy[place].1).now_or_never() {
                None => place += 1,
                Some((connection, words)) => {
                    let (who, _) = self.busy.remove(place);
                    self.free.insert(who, connection);
                    back.push((who, words));
                    // Whoever waited for it goes on.
                    place = 0;
                }
            }
        }
        back
    }

    async fn rows(&mut self) -> String {
        let mut connection = self.database.connect(Isolation::ReadCommitted, 9, Arc::new(NoTime));
        statement(&mut connection, "SELECT id || '=' || units FROM shelf ORDER BY id").await
    }
}

/// One turn of a transaction, which begins with its first statement.
async fn act(mut connection: AnyConnection, begin: String, turn: Turn, asks_first: bool) -> Back {
    let is_open = AnyTransactionManager::get_transaction_depth(&connection) > 0;
    let said = match (turn, is_open) {
        (Turn::Run(text), is_open) => {
            if !is_open {
                let begin = Some(AssertSqlSafe(begin).into_sql_str());
                AnyTransactionManager::begin(&mut connection, begin).await.expect("it begins");
            }
            statement(&mut connection, &text).await
        }
        (_, false) => "nothing".to_owned(),
        (Turn::Commit, true) => {
            // As the real binding does: PostgreSQL's COMMIT after a failure is a silent rollback.
            let asked = match asks_first {
                true => connection.execute("SELECT 1").await.map(drop),
                false => Ok(()),
            };
            let committed = match asked {
                Ok(()) => AnyTransactionManager::commit(&mut connection).await,
                Err(error) => Err(error),
            };
            match committed {
                Ok(()) => "committed".to_owned(),
                Err(error) => {
                    AnyTransactionManager::rollback(&mut connection).await.expect("it is open");
                    code(&error)
                }
            }
        }
        (Turn::RollBack, true) => {
            AnyTransactionManager::rollback(&mut connection).await.expect("it is open");
            "undone".to_owned()
        }
    };
    (connection, said)
}

async fn statement(connection: &mut AnyConnection, text: &str) -> String {
    let query = sqlx::query(AssertSqlSafe(text.to_owned()));
    if text.starts_with("SELECT") {
        return match query.fetch_all(connection).await {
            Ok(rows) => {
                let rows = rows.iter().map(|row| row.get::<String, _>(0));
                format!("[{}]", rows.collect::<Vec<_>>().join(" "))
            }
            Err(error) => code(&error),
        };
    }
    match query.execute(connection).await {
        Ok(done) => format!("{} changed", done.rows_affected()),
        Err(error) => code(&error),
    }
}

/// The two engines' codes for the same thing, in a word.
fn code(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some("23505" | "1555" | "2067") => "not unique".to_owned(),
        Some("23514" | "275") => "refused by the CHECK".to_owned(),
        Some(code) => code.to_owned(),
        None => error.to_string(),
    }
}
