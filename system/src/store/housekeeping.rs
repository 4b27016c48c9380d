//! Forgetting: answers to clients' keys, when they have been kept long enough. Keys of money are
//! the Bank's and never expire.

use scoped_futures::ScopedFutureExt;

use super::mapper::idempotency;
use crate::doorbell::Doorbell;
use crate::error::Error;
use crate::ports::Ports;
use crate::time::Time;
use crate::transaction::transact;
use crate::worker::{Progress, Worker};

/// How often old keys are looked for.
const EVERY: std::time::Duration = std::time::Duration::from_secs(3600);

/// The worker that forgets.
pub fn worker(ports: &Ports) -> Worker {
    let ports = ports.clone();
    Worker::new("housekeeping", Doorbell::default(), move || {
        let ports = ports.clone();
        Box::pin(async move {
            match forget(&ports).await {
                Ok(forgotten) if forgotten > 0 => Progress::Worked,
                _ => Progress::Idle(Some(ports.clock.now() + EVERY)),
            }
        })
    })
}

async fn forget(ports: &Ports) -> Result<u64, Error> {
    let kept = i64::try_from(ports.settings.saga.keys_kept.as_micros()).unwrap_or(i64::MAX);
    let before = Time(ports.clock.now().0.saturating_sub(kept));
    transact(ports, move |transaction| idempotency::forget(transaction, before).scope_boxed()).await
}
