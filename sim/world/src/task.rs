//! Tasks of the caller's on a node: how it waits for one, and hears that it was killed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use madsim::task::JoinHandle;

/// A future that runs on a node, from [`World::spawn`](crate::World::spawn). Awaiting it gives what
/// the future does, or [`Killed`] if the node is killed before. Dropping it lets the future run on.
///
/// A future that panics ends the run.
pub struct Task<T> {
    node: Arc<str>,
    handle: JoinHandle<T>,
}

/// The node was killed, and its task with it; where the task stood is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Killed {
    /// The node's name.
    pub node: Arc<str>,
}

impl<T> Task<T> {
    pub(crate) fn new(node: Arc<str>, handle: JoinHandle<T>) -> Task<T> {
        Task { node, handle }
    }

    /// Whether it has ended, with its node or by itself.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, Killed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.handle).poll(context);
        polled.map(|result| result.map_err(|_| Killed { node: self.node.clone() }))
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Task").field("node", &self.node).finish_non_exhaustive()
    }
}

impl fmt::Display for Killed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} was killed, and its task with it", self.node)
    }
}

impl std::error::Error for Killed {}
