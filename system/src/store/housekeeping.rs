//! What is done every hour: old answers to clients' keys are forgotten, and the services' views of
//! the orders compared (`reconciliation/pass.rs`). Keys of money are the Bank's and never expire.

use std::sync::Arc;

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::transact;
use stormproof_ports::notify::Notify;
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};

use super::mapper::idempotency;
use super::reconciliation::pass::Reconciler;
use crate::context::Context;
use crate::error::Error;

/// How often old keys are looked for.
const EVERY: std::time::Duration = std::time::Duration::from_secs(3600);

/// The worker that forgets and compares.
pub fn worker(context: &Context) -> Worker {
    let context = context.clone();
    let reconciler = Arc::new(Reconciler::new(&context));
    Worker::new("housekeeping", Notify::default(), move || {
        let (context, reconciler) = (context.clone(), reconciler.clone());
        Box::pin(async move {
            let forgotten = forget(&context).await;
            let (next, reconciled) = reconciler.step().await;
            let next = next.min(context.ports.clock.now() + EVERY);
            match (forgotten, reconciled) {
                (Err(error), _) | (_, Err(error)) => {
                    Progress::Failed { why: error.to_string(), retry_at: next }
                }
                (Ok(0), Ok(())) => Progress::Until(next),
                (Ok(_), Ok(())) => Progress::Worked,
            }
        })
    })
}

async fn forget(context: &Context) -> Result<u64, Error> {
    let kept = i64::try_from(context.settings.saga.keys_kept.as_micros()).unwrap_or(i64::MAX);
    let before = Time(context.ports.clock.now().0.saturating_sub(kept));
    transact(&context.ports, "forget_keys", move |transaction| {
        idempotency::forget(transaction, before).scope_boxed()
    })
    .await
}
