//! Sleeping in virtual time, so that what wakes when depends on nothing that is still to come.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{Either, select};
use madsim::time::TimeHandle;

thread_local! {
    /// How many sleeps the world of this thread has begun.
    static SLEEPS: Cell<u64> = const { Cell::new(0) };

    /// When they end, by the world's clock; those of the past are forgotten as others begin.
    static ENDS: RefCell<BTreeSet<Duration>> = const { RefCell::new(BTreeSet::new()) };
}

/// Sleeps in virtual time, a millisecond at the least.
///
/// No two sleeps end in the same nanosecond: madsim wakes those that do in a sequence that depends on
/// every other timer there is, and so on faults that are still to come.
pub(crate) fn sleep(time: &TimeHandle, duration: Duration) -> Sleep {
    const SHORTEST: Duration = Duration::from_millis(1);
    let nanoseconds = SLEEPS.replace(SLEEPS.get() + 1) % 997;
    let now = time.elapsed();
    let end = own_end(now, now + duration.max(SHORTEST) + Duration::from_nanos(nanoseconds));
    Sleep { inner: time.sleep(end - now), waker: None }
}

/// Sleeps in virtual time, to the nanosecond, however short that is.
pub(crate) fn sleep_exactly(time: &TimeHandle, duration: Duration) -> Sleep {
    let now = time.elapsed();
    let end = own_end(now, now + duration);
    let mut inner = time.sleep(end - now);
    // Which madsim does not ask whether it is a millisecond.
    Pin::new(&mut inner).reset(time.now_instant() + (end - now));
    Sleep { inner, waker: None }
}

/// The first moment from `end` on at which no sleep ends yet.
fn own_end(now: Duration, mut end: Duration) -> Duration {
    ENDS.with_borrow_mut(|ends| {
        while ends.first().is_some_and(|first| *first < now) {
            ends.pop_first();
        }
        while !ends.insert(end) {
            end += Duration::from_nanos(1);
        }
    });
    end
}

/// Waits for `future`, `duration` at the longest.
pub(crate) async fn within<T>(
    time: &TimeHandle,
    duration: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    let timer = std::pin::pin!(sleep(time, duration));
    match select(std::pin::pin!(future), timer).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// madsim's own sleep sets a timer each time it is polled; this one sets one for each waker.
pub(crate) struct Sleep {
    inner: madsim::time::Sleep,
    waker: Option<Waker>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.inner.is_elapsed() {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
            self.waker = Some(context.waker().clone());
            return Pin::new(&mut self.inner).poll(context);
        }
        Poll::Pending
    }
}
