//! Transactions beside each other: whatever they do, it is as if one had run after the other.

use std::time::Duration;

use futures::future::{join, join_all};
use scoped_futures::{ScopedBoxFuture, ScopedFutureExt as _};
use sqlx::AnyConnection;

use super::super::{Broken, Kept, ensure};
use super::{find, insert, set};
use crate::{Database, DatabaseError, Ports};

/// Read, add in our own hands, write: who read before the other wrote has to do it again.
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

/// Two may each take the last one if both are left: each reads both and writes one of them. Only
/// serial transactions keep the rule that binds the two rows.
pub(super) async fn shows_no_skewed_write(ports: &Ports) -> Kept {
    for round in 0..10 {
        let ids = [format!("skewed {round} left"), format!("skewed {round} right")];
        prepare(&*ports.database, &[(&ids[0], 1), (&ids[1], 1)]).await?;
        let take = |mine: usize| {
            let ids = &ids;
            again(ports, move |sql| {
                async move {
                    let left = find(sql, &ids[0]).await?.unwrap_or(0);
                    let right = find(sql, &ids[1]).await?.unwrap_or(0);
                    if left + right == 2 {
                        set(sql, &ids[mine], 0).await?;
                    }
                    Ok(())
                }
                .scope_boxed()
            })
        };
        let (left, right) = join(take(0), take(1)).await;
        left.and(right)?;
        let sum = read(&*ports.database, &ids[0]).await? + read(&*ports.database, &ids[1]).await?;
        ensure(sum == 1, || format!("of two, each took the last but one: {sum} are left"))?;
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
    again(ports, |sql| {
        async move {
            let n = find(sql, id).await?.unwrap_or(0);
            Ok(set(sql, id, n + amount).await?)
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
    ) -> ScopedBoxFuture<'a, 't, Result<(), DatabaseError>>,
) -> Result<(), DatabaseError> {
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
    ) -> ScopedBoxFuture<'a, 't, Result<(), DatabaseError>>,
) -> Result<(), DatabaseError> {
    let mut session = ports.database.begin().await?;
    work(session.connection()).await?;
    session.commit(&[]).await
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
