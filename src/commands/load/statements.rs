//! How many statements the shop's databases execute, and of what kind, by `pg_stat_statements`.
//!
//! BEGIN and COMMIT are among them, unless the extension was told not to track them.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Row as _};
use sqlx_postgres::PgConnection;

use super::servers::Server;

/// Where the extension is, in the database that is asked. Its view counts for all databases.
const SCHEMA: &str = "SELECT quote_ident(n.nspname) FROM pg_extension e \
                      JOIN pg_namespace n ON n.oid = e.extnamespace \
                      WHERE e.extname = 'pg_stat_statements'";

/// The database that every server has.
const USUAL: &str = "postgres";

/// Calls up to now by leading keyword, from a beginning that does not change while the server runs.
///
/// # Errors
/// In words: why they cannot be counted.
pub async fn count(servers: &[Server]) -> Result<BTreeMap<String, i64>, String> {
    let mut sum = BTreeMap::new();
    for server in servers {
        for (text, calls) in of(server).await? {
            *sum.entry(kind(&text)).or_default() += calls;
        }
    }
    Ok(sum)
}

async fn of(server: &Server) -> Result<Vec<(String, i64)>, String> {
    let elsewhere = server.databases.iter().map(String::as_str).chain([USUAL]);
    for database in elsewhere {
        let asked = server.ask(Some(database), async |connection| {
            let schema: Option<String> =
                sqlx::query_scalar(SCHEMA).fetch_optional(&mut *connection).await?;
            match schema {
                Some(schema) => calls(connection, &schema, &server.databases).await.map(Some),
                None => Ok(None),
            }
        });
        if let Some(calls) = asked.await? {
            return Ok(calls);
        }
    }
    Err(format!(
        "no database of Postgres at {}:{} has the extension pg_stat_statements: \
         shared_preload_libraries has to name it, and CREATE EXTENSION to make it",
        server.options.get_host(),
        server.options.get_port()
    ))
}

/// Each statement's beginning and its calls. A text that may not be seen is none.
async fn calls(
    connection: &mut PgConnection,
    schema: &str,
    databases: &[String],
) -> sqlx::Result<Vec<(String, i64)>> {
    let sql = format!(
        "SELECT COALESCE(LEFT(s.query, 400), ''), CAST(SUM(s.calls) AS BIGINT) \
         FROM {schema}.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
         WHERE d.datname = ANY($1) GROUP BY 1"
    );
    // The schema is quoted by the server itself.
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(databases).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The leading keyword; of a statement that begins with WITH what follows its common tables is not looked
/// for.
fn kind(text: &str) -> String {
    let mut text = text.trim_start();
    while let Some(comment) = text.strip_prefix("/*").or_else(|| text.strip_prefix("--")) {
        let end = if text.starts_with("/*") { "*/" } else { "\n" };
        text = comment.split_once(end).map_or("", |(_, rest)| rest).trim_start();
    }
    let text = text.trim_start_matches(['(', ' ']);
    let word = text.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    if word.is_empty() { "OTHER".to_owned() } else { word.to_ascii_uppercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_of_the_kind_of_its_first_keyword() {
        let table = [
            ("SELECT 1", "SELECT"),
            ("  update t set a = $1", "UPDATE"),
            ("BEGIN", "BEGIN"),
            ("(SELECT 1) UNION (SELECT 2)", "SELECT"),
            ("/* why */ -- and how\nINSERT INTO t VALUES ($1)", "INSERT"),
            ("WITH a AS (SELECT 1) DELETE FROM t", "WITH"),
            ("<insufficient privilege>", "OTHER"),
            ("/* without end", "OTHER"),
            ("", "OTHER"),
        ];
        for (text, expected) in table {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
