//! What the database server brings by itself, in the same run: the transaction of `pgbench -N`, one row
//! changed by its key, one read and one written, by one client and by several, prepared.
//!
//! It has a database of its own on the Store's server, which is dropped afterwards. The shop is there
//! meanwhile and has nothing to do.

use std::time::Duration;

use futures::future::try_join_all;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use stormproof_shop::load::arrivals::Draws;
use stormproof_shop::load::reference::{Reference, ReferenceRun};
use tokio::time::Instant;

use super::servers::Server;

const CLIENTS: [u32; 3] = [1, 8, 32];

/// Rows to choose from, as `pgbench -s 1` makes.
const ROWS: i32 = 100_000;

const TABLES: &str = "CREATE TABLE accounts (id INT PRIMARY KEY, balance INT NOT NULL, filler CHAR(84));\
    CREATE TABLE history (account INT NOT NULL, delta INT NOT NULL, at TIMESTAMPTZ NOT NULL, \
                          filler CHAR(22));\
    INSERT INTO accounts SELECT id, 0, '' FROM generate_series(1, 100000) id;\
    ANALYZE accounts";

const CHANGE: &str = "UPDATE accounts SET balance = balance + $1 WHERE id = $2";
const READ: &str = "SELECT balance FROM accounts WHERE id = $1";
const WRITE: &str = "INSERT INTO history (account, delta, at) VALUES ($1, $2, CURRENT_TIMESTAMP)";

/// Runs for `length` with each number of clients.
///
/// # Errors
/// In words: what the server refused.
pub async fn measure(server: &Server, length: Duration, run: &str) -> Result<Reference, String> {
    let name = format!("stormproof_reference_{run}");
    execute(server, format!("CREATE DATABASE {name}")).await?;
    let measured = all(&server.options.clone().database(&name), length).await;
    let dropped = execute(server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    let runs = measured.map_err(|error| format!("the reference: {error}"))?;
    dropped.map(|()| Reference::of(runs))
}

/// The names are ours.
async fn execute(server: &Server, sql: String) -> Result<(), String> {
    let executed =
        server.ask(None, async |connection| connection.execute(AssertSqlSafe(sql)).await);
    executed.await.map(|_| ()).map_err(|why| format!("the reference: {why}"))
}

async fn all(options: &PgConnectOptions, length: Duration) -> sqlx::Result<Vec<ReferenceRun>> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(TABLES).execute(&mut connection).await?;
    connection.close().await?;
    let mut runs = Vec::new();
    for clients in CLIENTS {
        let connections = (0..clients).map(|_| PgConnection::connect_with(options));
        let connections = try_join_all(connections).await?;
        let start = Instant::now();
        // Each in a task of its own: one task would be what is measured.
        let tasks = (1..).zip(connections).map(|(seed, connection)| {
            let client = client(connection, Draws(seed), start + length);
            async { tokio::spawn(client).await.expect("it does not panic") }
        });
        let commits: u32 = try_join_all(tasks).await?.into_iter().sum();
        let commits_per_second = f64::from(commits) / start.elapsed().as_secs_f64();
        runs.push(ReferenceRun { clients, commits_per_second });
    }
    Ok(runs)
}

/// One transaction after the other; how many.
async fn client(
    mut connection: PgConnection,
    mut draws: Draws,
    until: Instant,
) -> sqlx::Result<u32> {
    let mut commits = 0;
    while Instant::now() < until {
        let (id, delta) = (draws.below(ROWS) + 1, draws.below(10_001) - 5000);
        let mut transaction = connection.begin().await?;
        sqlx::query(CHANGE).bind(delta).bind(id).execute(&mut *transaction).await?;
        sqlx::query(READ).bind(id).fetch_one(&mut *transaction).await?;
        sqlx::query(WRITE).bind(id).bind(delta).execute(&mut *transaction).await?;
        transaction.commit().await?;
        commits += 1;
    }
    connection.close().await.ok();
    Ok(commits)
}
