//! A doorbell: tells one waiting worker that there may be work.
//!
//! Rings are remembered, not counted. Several hands may ring, one worker waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures::future::poll_fn;
use futures::task::AtomicWaker;

/// Clones share the bell.
#[derive(Clone, Default)]
pub struct Doorbell(Arc<Inner>);

#[derive(Default)]
struct Inner {
    rung: AtomicBool,
    waiter: AtomicWaker,
}

/// Equal are those that are clones of each other.
impl PartialEq for Doorbell {
    fn eq(&self, other: &Doorbell) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Doorbell {}

impl Doorbell {
    /// Wakes the waiter, or lets the next wait end at once.
    pub fn ring(&self) {
        self.0.rung.store(true, Ordering::Release);
        self.0.waiter.wake();
    }

    /// Waits for a ring since the last wait ended.
    pub async fn wait(&self) {
        poll_fn(|context| {
            self.0.waiter.register(context.waker());
            match self.0.rung.swap(false, Ordering::AcqRel) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await
    }
}
