//! The worlds that are measured, each behind the same two questions: how long do so many requests take,
//! and how long does so much idle time.

pub mod moonpool;
pub mod seeded;
pub mod turmoil;

use std::time::Duration;

/// How many nodes idle.
pub const NODES: usize = 8;

/// How often each of their timers fires, where they have one.
pub const PERIOD: Duration = Duration::from_secs(1);

/// What idle nodes have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timers {
    /// Nothing at all: each listens, and nobody comes.
    None,
    /// Each has a timer that fires once per [`PERIOD`].
    Periodic,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{idlers, requesters};

    #[test]
    fn every_world_answers_and_idles() {
        for requester in requesters() {
            (requester.run)(20);
        }
        for idler in idlers(Timers::None).into_iter().chain(idlers(Timers::Periodic)) {
            (idler.run)(10);
        }
    }
}
