//! Long computations: done at once, for virtual time does not pass while somebody computes.

use futures::future::BoxFuture;
use stormproof_ports::Compute;

/// Runs jobs where they are asked for.
pub(super) struct Inline;

impl Compute for Inline {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        Box::pin(async move { job() })
    }
}
