//! What the database server brings by itself, in the same run: the transaction of `pgbench -N`, one row
//! changed by its key, one read and one written, by one client and by several, prepared.
//!
//! It has a database of its own on the Store's server, which is dropped afterwards; by the next load's
//! reference if this one's was killed. The shop is there meanwhile and has nothing to do.

use std::time::Duration;

use futures::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sqlx_postgres::{PgConnectOptions, PgConnection};
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

/// Databases of references that nobody measures any more. Who measures one has a session that bears the
/// database's name from before it is made until it is dropped, and a session ends with its process,
/// wherever that runs.
const LEFT_BEHIND: &str = "SELECT datname FROM pg_database d \
    WHERE datname ~ '^stormproof_reference_[0-9a-f]+$' AND NOT EXISTS \
    (SELECT 1 FROM pg_stat_activity a WHERE a.application_name = d.datname)";

/// Runs for `length` with each number of clients. `run` is one that no other has.
///
/// # Errors
/// In words: what the server refused.
pub async fn measure(server: &Server, length: Duration, run: &str) -> Result<Reference, String> {
    let name = format!("stormproof_reference_{run}");
    let options = server.options.clone().application_name(&name);
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let in_words = |error: sqlx::Error| format!("the reference: Postgres at {place}: {error}");
    let mut connection = PgConnection::connect_with(&options).await.map_err(in_words)?;
    drop_left_behind(&mut connection).await.map_err(in_words)?;
    execute(&mut connection, format!("CREATE DATABASE {name}")).await.map_err(in_words)?;
    let measured = all(&server.options.clone().database(&name), length).await;
    let dropped = drop_database(&mut connection, &name).await;
    connection.close().await.ok();
    let runs = measured.map_err(in_words)?;
    dropped.map_err(in_words).map(|()| Reference::of(runs))
}

async fn drop_left_behind(connection: &mut PgConnection) -> sqlx::Result<()> {
    let names: Vec<String> = sqlx::query_scalar(LEFT_BEHIND).fetch_all(&mut *connection).await?;
    for name in names {
        // One that is another user's is theirs to drop, and another load may be faster.
        drop_database(connection, &name).await.ok();
    }
    Ok(())
}

/// The names are ours.
async fn drop_database(connection: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    execute(connection, format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await
}

async fn execute(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    connection.execute(AssertSqlSafe(sql)).await.map(drop)
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
