//! What a transaction owes whoever runs one, on the tables of the database's own contract.
//!
//! The checks are run as those of the ports are (`stormproof_ports::contract`), against every
//! binding of the database.

use std::sync::atomic::{AtomicU32, Ordering};

use scoped_futures::ScopedFutureExt as _;
use stormproof_ports::contract::{Broken, Check, Kept};
use stormproof_ports::metrics::TransactionOutcome;
use stormproof_ports::{DatabaseError, Ports};

use crate::statements::Statements;
use crate::transaction::{ATTEMPTS_MAX, transact};

/// Every check; each can run once on a database with the tables of
/// [`stormproof_ports::contract::database::migrator`].
pub const CHECKS: [Check; 4] = [
    Check::new("transaction rolls back an error", |ports| Box::pin(rolls_back_an_error(ports))),
    Check::new("transaction runs again what lost", |ports| Box::pin(runs_again_what_lost(ports))),
    Check::new("transaction is counted under its name", |ports| Box::pin(is_counted(ports))),
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
    let result: Result<(), DatabaseError> = transact(ports, "roll_back_an_error", |transaction| {
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
    let done: Result<(), DatabaseError> = transact(ports, "run_again_what_lost", |transaction| {
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

/// What became of it stands under its name, each attempt by itself.
///
/// # Errors
/// If it is not so.
pub async fn is_counted(ports: &Ports) -> Kept {
    let counts = || ports.transactions.read().get(COUNTED).copied().unwrap_or_default();
    let before = counts();
    fails_first(ports, 0, DatabaseError::Serialization).await?;
    fails_first(ports, 2, DatabaseError::Serialization).await?;
    for (times, error) in [
        (ATTEMPTS_MAX, DatabaseError::Serialization),
        (1, DatabaseError::Unknown("it does not please".into())),
        (1, DatabaseError::Unavailable("it is away".into())),
    ] {
        if fails_first(ports, times, error.clone()).await.is_ok() {
            return Err(Broken(format!("it is done though it failed: {error}")));
        }
    }
    let after = counts();
    let counted = TransactionOutcome::ALL.map(|outcome| after.of(outcome) - before.of(outcome));
    let conflicts = 2 + u64::from(ATTEMPTS_MAX) - 1;
    match counted == [2, 1, conflicts, 1, 0, 1] {
        true => Ok(()),
        false => Err(Broken(format!("it is counted as {counted:?}"))),
    }
}

const COUNTED: &str = "contract_counted";

/// A transaction whose work fails so often before it does not.
async fn fails_first(ports: &Ports, times: u32, error: DatabaseError) -> Result<(), DatabaseError> {
    let runs = AtomicU32::new(0);
    transact(ports, COUNTED, |_| {
        let fails = runs.fetch_add(1, Ordering::Relaxed) < times;
        let result = if fails { Err(error.clone()) } else { Ok(()) };
        async move { result }.scope_boxed()
    })
    .await
}

/// A statement fails and the work goes on as if nothing were: what the transaction then says is so. Some
/// engines undo it all, some the statement alone.
///
/// # Errors
/// If it is not so.
pub async fn knows_of_a_failure(ports: &Ports) -> Kept {
    let done: Result<(), DatabaseError> = transact(ports, "know_of_a_failure", |transaction| {
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
