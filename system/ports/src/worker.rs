//! A worker is a `step()`: hosts loop it, tests step it.

use futures::future::BoxFuture;

use crate::doorbell::Doorbell;
use crate::time::Time;

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There was work, and there may be more: step again at once.
    Worked,
    /// Nothing to do before the given time (by this node's clock), or before the bell rings.
    /// `None`: the host's polling interval decides.
    Idle(Option<Time>),
}

/// A background activity of a service. The host owns the loop; a service never spawns.
pub struct Worker {
    /// Its name in logs.
    pub name: &'static str,
    /// Rings when there may be work.
    pub bell: Doorbell,
    step: Box<dyn Fn() -> BoxFuture<'static, Progress> + Send + Sync>,
}

impl Worker {
    /// A worker that takes `step` after `step`.
    pub fn new(
        name: &'static str,
        bell: Doorbell,
        step: impl Fn() -> BoxFuture<'static, Progress> + Send + Sync + 'static,
    ) -> Worker {
        Worker { name, bell, step: Box::new(step) }
    }

    /// Does one piece of work, if there is one.
    pub fn step(&self) -> BoxFuture<'static, Progress> {
        (self.step)()
    }
}
