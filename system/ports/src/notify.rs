//! A notification: tells one waiting worker that there may be work.
//!
//! Notifications are remembered, not counted. Several hands may notify, one worker waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures::future::poll_fn;
use futures::task::AtomicWaker;

/// Clones are the same notification.
#[derive(Clone, Default)]
pub struct Notify(Arc<Inner>);

#[derive(Default)]
struct Inner {
    notified: AtomicBool,
    waiter: AtomicWaker,
}

/// Equal are those that are clones of each other.
impl PartialEq for Notify {
    fn eq(&self, other: &Notify) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Notify {}

impl Notify {
    /// Wakes the waiter, or lets the next wait end at once.
    pub fn notify_one(&self) {
        self.0.notified.store(true, Ordering::Release);
        self.0.waiter.wake();
    }

    /// Waits for a notification since the last wait ended.
    pub async fn notified(&self) {
        poll_fn(|context| {
            self.0.waiter.register(context.waker());
            match self.0.notified.swap(false, Ordering::AcqRel) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await
    }
}
