//! Transactions beside each other: guards, conditions and keys hold, whatever the isolation.

use std::time::Duration;

use futures::future::{join, join_all};
use scoped_futures::{ScopedBoxFuture, ScopedFutureExt as _};
use sqlx::AnyConnection;

use super::super::{Broken, Kept, ensure};
use super::{find, insert};
use crate::{Database, DatabaseError, Ports};

/// Read, add in our own hands, write unless somebody wrote meanwhile: who read before the other wrote
/// has to do it again.
pub(super) async fn loses_no_increment(ports: &Ports) -> Kept {
    const EACH: i64 = 25;
    prepare(&*ports.database, &[("incremented", 0)]).await?;
    let hand = || async {
        for _ in 0..EACH {
            add(ports, "incremented", 1).await?;
        }
        Ok::<_, DatabaseError>(())
    };
    let (left, right) = join(hand(), hand()).await;
    left.and(right)?;
    let n = read(&*ports.database, "incremented").await?;
    ensure(n == 2 * EACH, || format!("{} increments add up to {n}", 2 * EACH))
}

/// Two take the last one at once: the condition is checked on the row as it is when it is changed.
pub(super) async fn gives_the_last_one_once(ports: &Ports) -> Kept {
    for round in 0..10 {
        let id = format!("last {round}");
        prepare(&*ports.database, &[(&id, 1)]).await?;
        let sql = "UPDATE contract_numbers SET n = n - 1 WHERE id = $1 AND n >= 1";
        let (left, right) = join(changed(ports, sql, &id), changed(ports, sql, &id)).await;
        let (left, right) = (left?, right?);
        let n = read(&*ports.database, &id).await?;
        ensure(left + right == 1 && n == 0, || format!("{left} and {right} got it, {n} are left"))?;
    }
    Ok(())
}

/// Two claim the same key at once: one of them is told that it is taken.
pub(super) async fn gives_a_key_once(ports: &Ports) -> Kept {
    for round in 0..10 {
        let id = format!("claimed {round}");
        let sql = "INSERT INTO contract_numbers (id, n) VALUES ($1, 1) ON CONFLICT (id) DO NOTHING";
        let (left, right) = join(changed(ports, sql, &id), changed(ports, sql, &id)).await;
        let (left, right) = (left?, right?);
        ensure(left + right == 1, || format!("{left} and {right} claimed it"))?;
    }
    Ok(())
}

/// More transactions than there are connections: all get their turn.
pub(super) async fn serves_many_at_once(ports: &Ports) -> Kept {
    const MANY: usize = 24;
    let ids: Vec<_> = (0..MANY).map(|number| format!("many {number}")).collect();
    let rows: Vec<_> = ids.iter().map(|id| (id.as_str(), 0)).collect();
    prepare(&*ports.database, &rows).await?;
    let results = join_all(ids.iter().map(|id| add(ports, id, 1))).await;
    results.into_iter().collect::<Result<Vec<_>, _>>()?;
    for id in &ids {
        let n = read(&*ports.database, id).await?;
        ensure(n == 1, || format!("{id} was added to once and is {n}"))?;
    }
    Ok(())
}

async fn add(ports: &Ports, id: &str, amount: i64) -> Result<(), DatabaseError> {
    let added = again(ports, |sql| {
        async move {
            let n = find(sql, id).await?.unwrap_or(0);
            let guarded = "UPDATE contract_numbers SET n = $1 WHERE id = $2 AND n = $3";
            let query = sqlx::query(guarded).bind(n + amount).bind(id.to_owned()).bind(n);
            match query.execute(sql).await?.rows_affected() {
                1 => Ok(1),
                _ => Err(DatabaseError::Serialization),
            }
        }
        .scope_boxed()
    });
    added.await.map(drop)
}

/// How many rows a statement about `id` changed.
async fn changed(ports: &Ports, sql: &'static str, id: &str) -> Result<u64, DatabaseError> {
    again(ports, |connection| {
        async move {
            let query = sqlx::query(sql).bind(id.to_owned());
            Ok(query.execute(connection).await?.rows_affected())
        }
        .scope_boxed()
    })
    .await
}

/// Does `work` in a transaction, and does it again when the database undid it in favour of another:
/// the least that a caller has to do.
async fn again<'a>(
    ports: &Ports,
    mut work: impl for<'t> FnMut(
        &'t mut AnyConnection,
    ) -> ScopedBoxFuture<'a, 't, Result<u64, DatabaseError>>,
) -> Result<u64, DatabaseError> {
    const ATTEMPTS_MAX: u32 = 10;
    for attempt in 1.. {
        match once(ports, &mut work).await {
            Err(DatabaseError::Serialization) if attempt < ATTEMPTS_MAX => {
                let jitter = ports.rng.below("jitter", 1000 << attempt);
                ports.clock.sleep(Duration::from_micros(jitter)).await;
            }
            result => return result,
        }
    }
    unreachable!("the loop ends by returning")
}

async fn once<'a>(
    ports: &Ports,
    work: &mut impl for<'t> FnMut(
        &'t mut AnyConnection,
    ) -> ScopedBoxFuture<'a, 't, Result<u64, DatabaseError>>,
) -> Result<u64, DatabaseError> {
    let mut session = ports.database.begin().await?;
    let changed = work(session.connection()).await?;
    session.commit(&[]).await?;
    Ok(changed)
}

async fn prepare(database: &dyn Database, rows: &[(&str, i64)]) -> Result<(), Broken> {
    let mut session = database.begin().await?;
    for (id, n) in rows {
        insert(session.connection(), id, *n).await?;
    }
    Ok(session.commit(&[]).await?)
}

async fn read(database: &dyn Database, id: &str) -> Result<i64, Broken> {
    let mut session = database.begin().await?;
    find(session.connection(), id).await?.ok_or_else(|| Broken(format!("{id} is gone")))
}
