//! A message that waits to be sent, and who waits for its outcome.

use stormproof_ports::{Message, PublishError};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(super) struct Job {
    pub(super) message: Message,
    pub(super) outcome: oneshot::Sender<Result<(), PublishError>>,
    /// Nobody waits longer.
    pub(super) deadline: Instant,
}
