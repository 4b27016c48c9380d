//! What time statements and locks take, where transactions overlap.

use std::ops::Range;
use std::time::Duration;

use futures::future::BoxFuture;

use super::COMMIT;
use crate::World;
use crate::sleep::{sleep, within};
use stormproof_sqlite::Pace;

/// How long a statement waits for a lock, as the real binding sets it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement takes, there and back, in microseconds.
const STATEMENT: Range<u64> = 50..400;

/// Of one database.
pub(super) struct NodePace {
    world: World,
    place: usize,
}

impl NodePace {
    pub(super) fn new(world: &World, place: usize) -> NodePace {
        NodePace { world: world.clone(), place }
    }
}

impl Pace for NodePace {
    fn statement(&self) -> Option<BoxFuture<'static, ()>> {
        let latency = self.world.0.databases[self.place].latency(STATEMENT);
        Some(Box::pin(sleep(&self.world.0.time, latency)))
    }

    fn commit(&self) -> Option<BoxFuture<'static, ()>> {
        let latency = self.world.0.databases[self.place].latency(COMMIT);
        Some(Box::pin(sleep(&self.world.0.time, latency)))
    }

    fn lock(&self, ended: BoxFuture<'static, ()>) -> BoxFuture<'static, bool> {
        let world = self.world.clone();
        Box::pin(async move { within(&world.0.time, LOCK_TIMEOUT, ended).await.is_some() })
    }
}
