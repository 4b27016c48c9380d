//! How often the shop's databases commit, by Postgres's own count: it numbers every transaction that
//! writes.
//!
//! What idle workers do is not counted, for looking for work is reading. What a transaction wrote in
//! vain, before it lost a race, is counted, and so are other applications of the same server: a load is
//! measured on a server that has nothing else to do. Numbers outlive a server's death, as counters of
//! replicas would not outlive theirs.

use super::servers::Server;

/// The number of the next transaction that writes (PostgreSQL's documentation, "Transaction ID and
/// Snapshot Information Functions"); asking uses none up.
const NEXT: &str = "SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)";

/// How many transactions have written up to now, from a beginning that does not change.
///
/// # Errors
/// In words: why they cannot be counted.
pub async fn count(servers: &[Server]) -> Result<i64, String> {
    let mut sum = 0;
    for server in servers {
        let next = async |connection: &mut _| sqlx::query_scalar(NEXT).fetch_one(connection).await;
        sum += server.ask::<i64>(None, next).await?;
    }
    Ok(sum)
}
