//! What every place for long computations owes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join_all;

use super::{Check, Kept, ensure};
use crate::Compute;

/// Every check of this port.
pub const CHECKS: [Check; 2] = [
    Check::new("compute ends with its job", |ports| Box::pin(ends_with_its_job(&*ports.compute))),
    Check::new("compute runs every job", |ports| Box::pin(runs_every_job(&*ports.compute))),
];

/// What the job did is seen by who waited for it.
async fn ends_with_its_job(compute: &dyn Compute) -> Kept {
    let sum = Arc::new(AtomicU32::new(0));
    let its_sum = sum.clone();
    let job = move || {
        for n in 1..=1000 {
            its_sum.fetch_add(n, Ordering::Relaxed);
        }
    };
    compute.run(Box::new(job)).await;
    let sum = sum.load(Ordering::Relaxed);
    ensure(sum == 500_500, || format!("it ends when the sum is {sum}"))
}

/// However few places there are.
async fn runs_every_job(compute: &dyn Compute) -> Kept {
    let done = Arc::new(AtomicU32::new(0));
    let jobs = (0..50).map(|_| {
        let done = done.clone();
        let job = move || {
            done.fetch_add(1, Ordering::Relaxed);
        };
        compute.run(Box::new(job))
    });
    join_all(jobs).await;
    let done = done.load(Ordering::Relaxed);
    ensure(done == 50, || format!("{done} of 50 jobs ran"))
}
