//! A database of a test's own on the Postgres server, gone when the test is.
//!
//! The server is `STORMPROOF_POSTGRES_URL`, or the one at the usual port of this machine. Without
//! one the test is skipped and says so, unless `STORMPROOF_REQUIRE_REAL=1`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::timeout;

use super::tell;

const USUAL: &str = "postgres://postgres@127.0.0.1:5432/postgres";

pub struct Postgres {
    /// Of the database.
    pub url: String,
    server: String,
    name: String,
}

impl Postgres {
    /// # Panics
    /// If no server answers though one is required.
    pub async fn or_skip(purpose: &str) -> Option<Postgres> {
        let server = std::env::var("STORMPROOF_POSTGRES_URL").unwrap_or_else(|_| USUAL.to_owned());
        match Postgres::create(&server, purpose).await {
            Ok(database) => Some(database),
            Err(why) => {
                let required = std::env::var("STORMPROOF_REQUIRE_REAL").is_ok_and(|it| it == "1");
                assert!(!required, "{purpose}: no Postgres at {}: {why}", place(&server));
                let words = format!("no Postgres at {}: {why}", place(&server));
                tell(&format!("real bindings ({purpose}) SKIPPED: {words}"));
                None
            }
        }
    }

    /// The C collation sorts text by bytes, as SQLite does.
    async fn create(server: &str, purpose: &str) -> Result<Postgres, sqlx::Error> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("stormproof_{purpose}_{}_{number}", std::process::id());
        let connect = PgConnection::connect(server);
        let connected = timeout(Duration::from_secs(5), connect).await;
        let mut connection = connected.map_err(|_| sqlx::Error::PoolTimedOut)??;
        let create = format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await?;
        let mut url: reqwest::Url = server.parse().expect("sqlx has read it");
        url.set_path(&name);
        Ok(Postgres { url: url.into(), server: server.to_owned(), name })
    }

    /// A connection past all bindings, to stir things up with.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the server answered just now")
    }

    pub async fn version(&self) -> String {
        let version = sqlx::query_scalar("SELECT current_setting('server_version')");
        let version: String =
            version.fetch_one(&mut self.connect().await).await.expect("it is a setting");
        format!("Postgres {version}")
    }
}

/// Host and port; the rest of the URL may hold a password.
fn place(url: &str) -> String {
    let url: Option<reqwest::Url> = url.parse().ok();
    let place =
        url.map(|url| format!("{}:{}", url.host_str().unwrap_or("?"), url.port().unwrap_or(5432)));
    place.unwrap_or_else(|| "what is no URL".to_owned())
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // The test's own runtime may be ending.
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async {
                let mut connection = PgConnection::connect(&server).await?;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await
            })
        });
        if let Ok(Err(error)) = gone.join() {
            tell(&format!("the database {} stays behind: {error}", self.name));
        }
    }
}
