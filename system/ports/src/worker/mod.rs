//! A worker is a `step()` and a loop: hosts loop it by [`run()`], tests step it.
//!
//! A step does one piece of work and says what it found. What a step begins and does not wait for
//! goes on in the worker's [`Background`]. A service never spawns: the host does.

mod background;
mod run;
#[cfg(test)]
mod tests;

use futures::future::BoxFuture;

use crate::notify::Notify;
use crate::time::Time;

pub use background::Background;
pub use run::{POLL_MAX, POLL_MIN, run};

/// What a step found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There was work, and there may be more: step again at once.
    Worked,
    /// Nothing to do before the given time (by this node's clock), or before the worker is notified.
    /// `None`: the host's polling interval decides.
    Idle(Option<Time>),
    /// Nothing can be found before the given time (by this node's clock), or before the worker is
    /// notified: nobody leaves anything behind for it. A clock that jumps ahead meanwhile is not noticed.
    Until(Time),
    /// Nothing to do before the worker is notified: all that it could find comes with a notification.
    Waiting,
    /// The work could not be done: the host says why in its log, and steps again at the given time,
    /// or when the worker is notified.
    Failed {
        /// What went wrong, in words.
        why: String,
        /// When to step again, by this node's clock.
        retry_at: Time,
    },
}

/// A background activity of a service. The host owns the loop; a service never spawns.
pub struct Worker {
    /// Its name in logs.
    pub name: &'static str,
    /// Notified when there may be work.
    pub notify: Notify,
    /// What its steps have begun and do not wait for.
    pub background: Background,
    step: Box<dyn Fn() -> BoxFuture<'static, Progress> + Send + Sync>,
}

impl Worker {
    /// A worker that takes `step` after `step`, with nothing in the background.
    pub fn new(
        name: &'static str,
        notify: Notify,
        step: impl Fn() -> BoxFuture<'static, Progress> + Send + Sync + 'static,
    ) -> Worker {
        Worker { name, notify, background: Background::default(), step: Box::new(step) }
    }

    /// The same worker, whose steps begin what goes on in `background`.
    #[must_use]
    pub fn with_background(mut self, background: &Background) -> Worker {
        self.background = background.clone();
        self
    }

    /// Does one piece of work, if there is one.
    pub fn step(&self) -> BoxFuture<'static, Progress> {
        (self.step)()
    }
}
