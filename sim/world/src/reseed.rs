//! Chance drawn anew from a time on: the same run until then, another one afterwards.
//!
//! The schedule, the network and how long broker, databases and mail server take are drawn anew.
//! What nodes draw for themselves (ids, jitter) stays, and so do faults, which are data.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use madsim::rand::RngCore as _;
use serde::{Deserialize, Serialize};

use crate::seed::Seed;
use crate::{Inner, World};

/// When chance is drawn anew, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reseed {
    /// Virtual time since the world began.
    pub at: Duration,
    /// What decides from then on.
    pub seed: u64,
}

/// The schedule's stream cannot be exchanged; it goes on elsewhere, at most so many numbers later.
const SKIP_MAX: u64 = 65_536;

/// Timers end in nanoseconds below this one, see `ports/clock.rs`: no other is due just then.
const NANOSECOND: Duration = Duration::from_nanos(998);

/// What is woken when it is time. No task, for a task more would make the time before another one.
struct Reseeder {
    world: Weak<Inner>,
    seed: Seed,
}

/// Sets the time.
pub(super) fn set(world: &World, reseed: Reseed) {
    let reseeder = Reseeder { world: Arc::downgrade(&world.0), seed: Seed(reseed.seed) };
    let waker = Waker::from(Arc::new(reseeder));
    let timer = pin!(world.0.time.sleep(reseed.at.saturating_add(NANOSECOND)));
    // The timer keeps the waker, whatever becomes of the future.
    let _pending = timer.poll(&mut Context::from_waker(&waker));
}

impl Wake for Reseeder {
    fn wake(self: Arc<Self>) {
        let Some(world) = self.world.upgrade() else { return };
        let mut schedule = madsim::rand::thread_rng();
        for _ in 0..=self.seed.number("schedule") % SKIP_MAX {
            schedule.next_u64();
        }
        world.broker.reseed(self.seed);
        world.mail.reseed(self.seed);
        if let Some(processors) = &world.processors {
            processors.reseed(self.seed);
        }
        for database in &world.databases {
            database.reseed(self.seed);
        }
    }
}
