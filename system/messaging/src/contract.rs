//! What a transaction owes whoever runs one, on the tables of the database's own contract.
//!
//! The checks are run as those of the ports are (`stormproof_ports::contract`), against every
//! binding of the database.

use std::sync::atomic::{AtomicU32, Ordering};

use scoped_futures::ScopedFutureExt as _;
use sqlx::AnyConnection;
use stormproof_ports::contract::{Broken, Check, Kept};
use stormproof_ports::{DatabaseError, Ports};

use crate::transaction::transact;

/// Every check; each can run once on a database with the tables of
/// [`stormproof_ports::contract::database::migrator`].
pub const CHECKS: [Check; 2] = [
    Check::new("transaction rolls back an error", |ports| Box::pin(rolls_back_an_error(ports))),
    Check::new("transaction runs again what lost", |ports| Box::pin(runs_again_what_lost(ports))),
];

/// What the work wrote before it failed is gone, and its error is the transaction's.
///
/// # Errors
/// If it is not so.
pub async fn rolls_back_an_error(ports: &Ports) -> Kept {
    let refusal = DatabaseError::Unknown("it does not please".into());
    let result: Result<(), DatabaseError> = transact(ports, |transaction| {
        let refusal = refusal.clone();
        async move {
            insert(transaction.sql(), "refused", 1).await?;
            Err(refusal)
        }
        .scope_boxed()
    })
    .await;
    if result != Err(refusal) {
        return Err(Broken(format!("the error became {result:?}")));
    }
    match find(ports, "refused").await? {
        None => Ok(()),
        found => Err(Broken(format!("a refused transaction left {found:?}"))),
    }
}

/// The work runs again from its beginning, and only its last run counts.
///
/// # Errors
/// If it is not so.
pub async fn runs_again_what_lost(ports: &Ports) -> Kept {
    let runs = AtomicU32::new(0);
    let done: Result<(), DatabaseError> = transact(ports, |transaction| {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        async move {
            insert(transaction.sql(), "run again", i64::from(run)).await?;
            match run {
                0..3 => Err(DatabaseError::Serialization),
                _ => Ok(()),
            }
        }
        .scope_boxed()
    })
    .await;
    done?;
    match (runs.into_inner(), find(ports, "run again").await?) {
        (4, Some(3)) => Ok(()),
        (runs, found) => Err(Broken(format!("{runs} runs leave {found:?}"))),
    }
}

async fn insert(sql: &mut AnyConnection, id: &str, n: i64) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO contract_numbers (id, n) VALUES ($1, $2)");
    insert.bind(id.to_owned()).bind(n).execute(sql).await.map(drop)
}

async fn find(ports: &Ports, id: &str) -> Result<Option<i64>, Broken> {
    let mut session = ports.database.begin().await?;
    let find = sqlx::query_scalar("SELECT n FROM contract_numbers WHERE id = $1");
    Ok(find.bind(id.to_owned()).fetch_optional(session.connection()).await?)
}
