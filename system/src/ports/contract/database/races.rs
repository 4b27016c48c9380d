//! Transactions beside each other: whatever they do, it is as if one had run after the other.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::{join, join_all};
use scoped_futures::ScopedFutureExt as _;

use super::super::{Broken, Kept, ensure};
use super::{find, insert, set};
use crate::error::Error;
use crate::ports::{Database, Ports};
use crate::transaction::transact;

/// Read, add in our own hands, write: who read before the other wrote has to do it again.
pub async fn loses_no_increment(ports: &Ports) -> Kept {
    const EACH: i64 = 25;
    prepare(&*ports.database, &[("incremented", 0)]).await?;
    let hand = || async {
        for _ in 0..EACH {
            add(ports, "incremented", 1).await?;
        }
        Ok::<_, Error>(())
    };
    let (left, right) = join(hand(), hand()).await;
    left.and(right)?;
    let n = read(&*ports.database, "incremented").await?;
    ensure(n == 2 * EACH, || format!("{} increments add up to {n}", 2 * EACH))
}

/// Two may each take the last one if both are left: each reads both and writes one of them. Only
/// serial transactions keep the rule that binds the two rows.
pub async fn shows_no_skewed_write(ports: &Ports) -> Kept {
    for round in 0..10 {
        let ids = [format!("skewed {round} left"), format!("skewed {round} right")];
        prepare(&*ports.database, &[(&ids[0], 1), (&ids[1], 1)]).await?;
        let take = |mine: usize| {
            let ids = &ids;
            transact(ports, move |transaction| {
                async move {
                    let sql = transaction.sql();
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

/// The work runs again from its beginning, and only its last run counts.
pub async fn runs_again_what_lost(ports: &Ports) -> Kept {
    prepare(&*ports.database, &[("run again", 0)]).await?;
    let runs = AtomicU32::new(0);
    transact(ports, |transaction| {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        async move {
            let sql = transaction.sql();
            let n = find(sql, "run again").await?.unwrap_or(0);
            set(sql, "run again", n + 1).await?;
            match run {
                0..3 => Err(Error::Serialization),
                _ => Ok(()),
            }
        }
        .scope_boxed()
    })
    .await?;
    let (runs, n) = (runs.into_inner(), read(&*ports.database, "run again").await?);
    ensure(runs == 4 && n == 1, || format!("{runs} runs add up to {n}"))
}

/// More transactions than there are connections: all get their turn.
pub async fn serves_many_at_once(ports: &Ports) -> Kept {
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

async fn add(ports: &Ports, id: &str, amount: i64) -> Result<(), Error> {
    transact(ports, |transaction| {
        async move {
            let n = find(transaction.sql(), id).await?.unwrap_or(0);
            Ok(set(transaction.sql(), id, n + amount).await?)
        }
        .scope_boxed()
    })
    .await
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
