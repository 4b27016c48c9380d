//! Long computations on threads of their own, so that requests do not wait behind them.

use std::sync::Arc;

use futures::future::BoxFuture;
use stormproof_ports::Compute;
use tokio::sync::Semaphore;

/// Runs at most so many jobs at once, each on a blocking thread of the runtime; who comes later
/// waits for a place in the order of arrival.
#[derive(Clone, Debug)]
pub struct ThreadPool {
    places: Arc<Semaphore>,
}

impl ThreadPool {
    /// A pool in which `at_once` jobs run side by side.
    ///
    /// # Panics
    /// If `at_once` is 0: no job would ever run.
    pub fn new(at_once: usize) -> ThreadPool {
        assert!(at_once > 0, "a pool needs a place");
        ThreadPool { places: Arc::new(Semaphore::new(at_once)) }
    }
}

impl Compute for ThreadPool {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let places = self.places.clone();
            let place = places.acquire_owned().await.expect("nobody closes the pool");
            // The job keeps its place to its end, even when nobody waits for it any more.
            let work = move || {
                job();
                drop(place);
            };
            tokio::task::spawn_blocking(work).await.expect("a job does not panic");
        })
    }
}
