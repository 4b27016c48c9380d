//! What became of the databases' transactions: how many committed, were rolled back, met in a circle, by
//! Postgres's statistics.
//!
//! Reading is counted as well as writing, and so are the load's own looks and the workers' looks for work.

use std::time::Duration;

use stormproof_shop::load::transactions::{Counts, Transactions};

use super::servers::Server;

/// A session tells what it counted once a second at the most; what is left over it tells when it has been
/// idle for ten seconds (`PGSTAT_IDLE_INTERVAL` in PostgreSQL's `pgstat.c`).
pub const TOLD_WITHIN: Duration = Duration::from_millis(10_500);

const COUNTS: &str = "SELECT datname, xact_commit, xact_rollback, deadlocks FROM pg_stat_database \
                      WHERE datname = ANY($1)";

/// What each database has counted up to now, but for what its sessions have not told yet.
///
/// # Errors
/// In words: why it cannot be known.
pub async fn count(servers: &[Server]) -> Result<Counts, String> {
    let mut counts = Counts::new();
    for server in servers {
        let rows: Vec<(String, i64, i64, i64)> = server
            .ask(None, async |connection| {
                sqlx::query_as(COUNTS).bind(&server.databases).fetch_all(connection).await
            })
            .await?;
        let counted = rows.into_iter().map(|(name, commits, rollbacks, deadlocks)| {
            (name, Transactions { commits, rollbacks, deadlocks })
        });
        counts.extend(counted);
    }
    Ok(counts)
}
