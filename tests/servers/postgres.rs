//! A database of a test's own, gone when the test is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _};
use sqlx_postgres::PgConnection;
use tokio::time::timeout;

use super::{aside, or_skip, shared};

pub struct Postgres {
    /// Of the database.
    pub url: String,
    server: &'static str,
    name: String,
}

impl Postgres {
    /// `None`, with the reason told, if there is no server.
    ///
    /// # Panics
    /// If there is none though one is required.
    pub async fn or_skip(purpose: &str) -> Option<Postgres> {
        let server = or_skip(purpose, shared::postgres())?;
        let made = Postgres::create(&server.url, purpose).await;
        Some(made.expect("the server lets us in, so it lets us make a database"))
    }

    /// The C collation sorts text by bytes, as SQLite does.
    async fn create(server: &'static str, purpose: &str) -> Result<Postgres, sqlx::Error> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("stormproof_{purpose}_{}_{number}", std::process::id());
        let mut connection = PgConnection::connect(server).await?;
        let create = format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await?;
        let mut url: reqwest::Url = server.parse().expect("sqlx has read it");
        url.set_path(&name);
        Ok(Postgres { url: url.into(), server, name })
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

/// Whether the server lets us in. Errors: it does not, and why.
pub fn answers(url: &str) -> Result<(), String> {
    aside(async || match timeout(Duration::from_secs(5), PgConnection::connect(url)).await {
        Ok(connected) => connected.map(drop).map_err(|error| error.to_string()),
        Err(_) => Err("no answer within 5 s".to_owned()),
    })
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let dropped = aside(async || {
            let mut connection = PgConnection::connect(self.server).await?;
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await
        });
        if let Err(error) = dropped {
            eprintln!("the database {} stays behind: {error}", self.name);
        }
    }
}
