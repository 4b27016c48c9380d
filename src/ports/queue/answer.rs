//! How long the broker's answers are waited for, and what their absence is called.

use std::time::Duration;

use stormproof_ports::QueueLost;

/// How long a publish waits for its confirm, connecting and a blocked connection included.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// How long subscribing, declaring and asking wait for the broker.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn lost(error: &lapin::Error) -> QueueLost {
    QueueLost(error.to_string())
}

pub(super) fn no_answer() -> QueueLost {
    QueueLost(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))
}
