//! What a transaction owes whoever runs one, on the tables of the database's own contract.
//!
//! The checks are run as those of the ports are (`stormproof_ports::contract`), against every
//! binding of the database.

use std::sync::atomic::{AtomicU32, Ordering};

use scoped_futures::ScopedFutureExt as _;
use stormproof_ports::contract::{Broken, Check, Kept};
use stormproof_ports::{DatabaseError, Ports};

use crate::statements::Statements;
use crate::transaction::transact;

/// Every check; each can run once on a database with the tables of
/// [`stormproof_ports::contract::database::migrator`].
pub const CHECKS: [Check; 3] = [
    Check::new("transaction rolls back an error", |ports| Box::pin(rolls_back_an_error(ports))),
    Check::new("transaction runs again what lost", |ports| Box::pin(runs_again_what_lost(ports))),
    Check::new("transaction knows of a failure that its work made light of", |ports| {
        Box::pin(knows_of_a_failure(ports))
    }),
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

/// A statement fails and the work goes on as if nothing were: what the transaction then says is so. Some
/// engines undo it all, some the statement alone.
///
/// # Errors
/// If it is not so.
pub async fn knows_of_a_failure(ports: &Ports) -> Kept {
    let done: Result<(), DatabaseError> = transact(ports, |transaction| {
        async move {
            insert(transaction.sql(), "made light of", 1).await?;
            match insert(transaction.sql(), "made light of", 2).await {
                Err(_) => Ok(()),
                Ok(()) => Err(DatabaseError::Unknown("a key is taken twice".into())),
            }
        }
        .scope_boxed()
    })
    .await;
    let found = find(ports, "made light of").await?;
    match done.is_ok() == found.is_some() {
        true => Ok(()),
        false => Err(Broken(format!("it said {done:?}, and {found:?} is there"))),
    }
}

async fn insert(sql: Statements<'_>, id: &str, n: i64) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO contract_numbers (id, n) VALUES ($1, $2)");
    insert.bind(id.to_owned()).bind(n).execute(sql).await.map(drop)
}

async fn find(ports: &Ports, id: &str) -> Result<Option<i64>, Broken> {
    let mut session = ports.database.begin().await?;
    let find = sqlx::query_scalar("SELECT n FROM contract_numbers WHERE id = $1");
    Ok(find.bind(id.to_owned()).fetch_optional(session.connection()).await?)
}
