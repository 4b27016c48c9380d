//! A node's clock: virtual, from a fixed date, off by a fixed amount on each node.

use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_ports::Clock;
use stormproof_ports::machine::WorkKind;
use stormproof_ports::time::Time;

use crate::node::NodeIndex;
use crate::processors::work;
use crate::sleep::{sleep, sleep_exactly};
use crate::{EPOCH, World};

/// A node's clock.
pub(super) struct SimClock {
    pub(super) world: World,
    pub(super) node: NodeIndex,
    /// Microseconds ahead of an undisturbed clock.
    pub(super) offset: i64,
}

impl Clock for SimClock {
    fn now(&self) -> Time {
        Time((EPOCH + self.world.elapsed()).0 + self.offset)
    }

    /// On a machine, as much longer as sleeps are there.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let time = &self.world.0.time;
        if self.world.0.processors.is_none() {
            return Box::pin(sleep(time, duration));
        }
        let (world, node) = (self.world.clone(), self.node);
        let asked_for = sleep_exactly(time, duration);
        Box::pin(async move {
            asked_for.await;
            if let Some(end) = work(&world, WorkKind::Sleep, node, node) {
                end.await;
            }
        })
    }
}
