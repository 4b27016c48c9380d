//! What is done every hour: old answers to clients' keys are forgotten, and the services' views of
//! the orders compared (`reconciler.rs`). Keys of money are the Bank's and never expire.

use std::sync::Arc;

use scoped_futures::ScopedFutureExt;

use super::mapper::idempotency;
use super::reconciler::Reconciler;
use crate::doorbell::Doorbell;
use crate::error::Error;
use crate::ports::Ports;
use crate::time::Time;
use crate::transaction::transact;
use crate::worker::{Progress, Worker};

/// How often old keys are looked for.
const EVERY: std::time::Duration = std::time::Duration::from_secs(3600);

/// The worker that forgets and compares.
pub fn worker(ports: &Ports) -> Worker {
    let ports = ports.clone();
    let reconciler = Arc::new(Reconciler::new(&ports));
    Worker::new("housekeeping", Doorbell::default(), move || {
        let (ports, reconciler) = (ports.clone(), reconciler.clone());
        Box::pin(async move {
            let forgotten = forget(&ports).await;
            let next = reconciler.step().await;
            match forgotten {
                Ok(forgotten) if forgotten > 0 => Progress::Worked,
                _ => Progress::Idle(Some(next.min(ports.clock.now() + EVERY))),
            }
        })
    })
}

async fn forget(ports: &Ports) -> Result<u64, Error> {
    let kept = i64::try_from(ports.settings.saga.keys_kept.as_micros()).unwrap_or(i64::MAX);
    let before = Time(ports.clock.now().0.saturating_sub(kept));
    transact(ports, move |transaction| idempotency::forget(transaction, before).scope_boxed()).await
}
