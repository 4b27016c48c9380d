//! A worker is a `step()` and a loop: hosts loop it by [`run()`], tests step it.
//!
//! A step does one piece of work and says what it found. What a step begins and does not wait for
//! goes on in the worker's [`Background`]. A service never spawns: the host does.

mod background;
mod run;
#[cfg(test)]
mod tests;

use std::sync::Arc;

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
    /// Whether it is told to stop only when all others have: what they leave is its work.
    pub ends_last: bool,
    step: Box<dyn Fn() -> BoxFuture<'static, Progress> + Send + Sync>,
    hand_over: Option<HandOver>,
}

/// Gives back what a replica that stops has claimed, so that another goes on with it at once; an error is
/// words for the log. It is done when the worker has taken its last step, beside what is in its background,
/// and once more when nothing of the replica is left that could have claimed something.
pub type HandOver = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

impl Worker {
    /// A worker that takes `step` after `step`, with nothing in the background.
    pub fn new(
        name: &'static str,
        notify: Notify,
        step: impl Fn() -> BoxFuture<'static, Progress> + Send + Sync + 'static,
    ) -> Worker {
        let (background, step) = (Background::default(), Box::new(step));
        Worker { name, notify, background, ends_last: false, step, hand_over: None }
    }

    /// The same worker, which hands its work over when it is told to stop.
    #[must_use]
    pub fn with_hand_over(
        mut self,
        hand_over: impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    ) -> Worker {
        self.hand_over = Some(Arc::new(hand_over));
        self
    }

    /// The same worker, which stops when all others have.
    #[must_use]
    pub fn ending_last(mut self) -> Worker {
        self.ends_last = true;
        self
    }

    /// How it hands its work over, if there is something that another replica could go on with.
    pub fn hand_over(&self) -> Option<HandOver> {
        self.hand_over.clone()
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
