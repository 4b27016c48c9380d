//! What a load that is killed while it measures its reference leaves behind, and who clears it away.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::Signal;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sqlx_postgres::PgConnection;
use tokio::time::{Instant, sleep};

use crate::servers::shop::{Servers, with_servers};
use crate::up::process::{Folder, Process, stormproof};
use crate::up::replicas::{Replica, Shop};

const REPLICAS: [Replica; 5] = [
    ("store-1", "store"),
    ("warehouse-1", "warehouse"),
    ("bank-1", "bank"),
    ("delivery-1", "delivery"),
    ("email-1", "email"),
];

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_reference_is_cleared_away_by_the_next_one() {
    with_servers("measured", measure_and_kill).await;
}

async fn measure_and_kill(servers: &Servers) {
    // Nobody serves the shop: before it is asked, the reference is measured.
    let shop = Shop::new(servers, "smtp://127.0.0.1:1", &REPLICAS);
    shop.runs(&["migrate", "store", "--create"], 0, "").await;
    let folder = Folder::new("reference");
    let mut server = Server::connect(servers).await;
    let start = || {
        let log = folder.path("load.log");
        let mut command = stormproof(&["load", "--reference", "600"], &log);
        command.envs(&shop.settings);
        Process::spawn(command, &log)
    };

    let mut killed = start();
    let left_behind = server.until_measured(&BTreeSet::new(), &killed).await;
    let other = start();
    let others = server.until_measured(&left_behind, &other).await;
    assert!(server.are_there(&left_behind).await, "its process lives");

    killed.signal(Signal::SIGKILL);
    killed.ended().await;
    server.until_nobody_measures(&left_behind).await;
    assert!(server.are_there(&left_behind).await, "nobody could clear it away");

    let next = start();
    let own = server.until_measured(&others, &next).await;
    assert!(!server.are_there(&left_behind).await, "{left_behind:?}");
    assert!(server.are_there(&others).await, "its process lives");

    for mut process in [other, next] {
        process.signal(Signal::SIGKILL);
        process.ended().await;
    }
    for name in others.union(&own) {
        let sql = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
        server.connection.execute(AssertSqlSafe(sql)).await.expect("it was left behind");
    }
    server.connection.close().await.ok();
}

/// Postgres, and the database from which references of this test are made.
struct Server {
    connection: PgConnection,
    store: String,
}

impl Server {
    async fn connect(servers: &Servers) -> Server {
        let url = servers.server_url("postgres");
        let connection = PgConnection::connect(&url).await.expect("the server answers");
        let store = servers.database_url().replace("{service}", "store");
        Server { connection, store: store.rsplit('/').next().expect("a name").to_owned() }
    }

    /// The databases that somebody measures.
    async fn measured(&mut self) -> BTreeSet<String> {
        let sql = "SELECT d.datname FROM pg_stat_activity a \
                   JOIN pg_database d ON d.datname = a.application_name WHERE a.datname = $1";
        let names = sqlx::query_scalar(sql).bind(&self.store).fetch_all(&mut self.connection);
        names.await.expect("it may be asked").into_iter().collect::<BTreeSet<String>>()
    }

    /// Until somebody measures one that is not among `before`; that one.
    async fn until_measured(
        &mut self,
        before: &BTreeSet<String>,
        process: &Process,
    ) -> BTreeSet<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let new: BTreeSet<_> = self.measured().await.difference(before).cloned().collect();
            if !new.is_empty() {
                return new;
            }
            assert!(Instant::now() < deadline, "nothing is measured:\n{}", process.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_nobody_measures(&mut self, names: &BTreeSet<String>) {
        let deadline = Instant::now() + PATIENCE;
        while !self.measured().await.is_disjoint(names) {
            assert!(Instant::now() < deadline, "{names:?}: still measured");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn are_there(&mut self, names: &BTreeSet<String>) -> bool {
        let sql = "SELECT datname FROM pg_database WHERE datname LIKE 'stormproof%'";
        let all = sqlx::query_scalar(sql).fetch_all(&mut self.connection).await;
        let all: Vec<String> = all.expect("it may be asked");
        names.iter().all(|name| all.contains(name))
    }
}
