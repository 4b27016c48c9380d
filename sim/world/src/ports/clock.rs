//! A node's clock: virtual, from a fixed date, off by a fixed amount on each node.

use std::time::Duration;

use futures::future::BoxFuture;
use madsim::time::TimeHandle;
use stormproof_ports::Clock;
use stormproof_ports::time::Time;

use crate::EPOCH;
use crate::sleep::sleep;

/// A node's clock.
pub(super) struct SimClock {
    pub(super) time: TimeHandle,
    /// Microseconds ahead of an undisturbed clock.
    pub(super) offset: i64,
}

impl Clock for SimClock {
    fn now(&self) -> Time {
        Time((EPOCH + self.time.elapsed()).0 + self.offset)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(sleep(&self.time, duration))
    }
}
