//! What a worker's steps have begun and do not wait for.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::future::{BoxFuture, Either, poll_fn, select};
use futures::stream::{FuturesUnordered, StreamExt as _};
use futures::task::AtomicWaker;

/// Work that goes on beside a worker's steps, each piece with its outcome: an error is words for the
/// log. Clones are the same background. It is polled by the worker's loop alone, in the task of that
/// loop; what it holds when the loop ends is dropped where it stands.
#[derive(Clone, Default)]
pub struct Background(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// What was begun since the loop looked last.
    begun: Mutex<Vec<Piece>>,
    going: Mutex<FuturesUnordered<Piece>>,
    count: AtomicUsize,
    is_closed: AtomicBool,
    waiter: AtomicWaker,
}

type Piece = BoxFuture<'static, Result<(), String>>;

impl Background {
    /// Lets `piece` go on in the background.
    pub fn begin(&self, piece: impl Future<Output = Result<(), String>> + Send + 'static) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        lock(&self.0.begun).push(Box::pin(piece));
        self.0.waiter.wake();
    }

    /// How many pieces have not ended.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// From now on nothing new is to be begun, and what goes on is to come to its end: the loop was told to
    /// stop.
    pub(super) fn close(&self) {
        self.0.is_closed.store(true, Ordering::Relaxed);
    }

    /// Whether what goes on is to come to its end.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed.load(Ordering::Relaxed)
    }

    /// Completes when all pieces have ended. `ended` hears the outcome of each.
    pub(super) async fn end(&self, mut ended: impl FnMut(Result<(), String>)) {
        while self.count() > 0 {
            ended(self.next().await);
        }
    }

    /// Completes with the outcome of the next piece that ends. While there is none, it waits.
    ///
    /// # Errors
    /// If that piece failed: its words for the log.
    pub async fn next(&self) -> Result<(), String> {
        poll_fn(|context| {
            self.0.waiter.register(context.waker());
            let mut going = lock(&self.0.going);
            going.extend(lock(&self.0.begun).drain(..));
            match going.poll_next_unpin(context) {
                Poll::Ready(Some(outcome)) => {
                    self.0.count.fetch_sub(1, Ordering::Relaxed);
                    Poll::Ready(outcome)
                }
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Does `work` while the pieces go on: the one connection that `work` waits for may be theirs,
    /// and who is not polled gives nothing back. `ended` hears the outcome of each that ends.
    pub async fn beside<T>(
        &self,
        work: impl Future<Output = T>,
        mut ended: impl FnMut(Result<(), String>),
    ) -> T {
        let mut work = pin!(work);
        loop {
            match select(work.as_mut(), pin!(self.next())).await {
                Either::Left((done, _)) => return done,
                Either::Right((outcome, _)) => ended(outcome),
            }
        }
    }
}

/// Drops what goes on when the loop ends, however it ends: a piece may hold a clone of the background
/// that holds it.
pub(super) struct DroppedAtEnd(pub(super) Background);

impl Drop for DroppedAtEnd {
    fn drop(&mut self) {
        let begun = std::mem::take(&mut *lock(&self.0.0.begun));
        let going = std::mem::take(&mut *lock(&self.0.0.going));
        self.0.0.count.store(0, Ordering::Relaxed);
        drop((begun, going));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
