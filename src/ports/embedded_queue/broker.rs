//! The way to the embedded broker, and its end.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use stormproof_ports::Queue;
use stormproof_ports::topology::Topology;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::actor::{ActorCommand, BrokerActor};
use super::client::Client;
use super::journal::JournalError;
use crate::dead_letters::DeadLetterQueues;

/// The way to the embedded broker. It runs until it is closed, or until this and every queue and
/// subscription that came from it are dropped.
pub struct EmbeddedBroker {
    pub(super) commands: mpsc::UnboundedSender<ActorCommand>,
    pub(super) dead_letters: DeadLetterQueues,
}

impl EmbeddedBroker {
    /// Opens, or creates, the journal at `path` and starts the broker with the queues of `topology`, on a
    /// thread of its own. The file is this process's alone until [`close`](EmbeddedBroker::close).
    ///
    /// # Errors
    /// Another process has it open, the file is damaged, or it holds messages of a queue that
    /// `topology` does not have.
    ///
    /// # Panics
    /// If `topology` contradicts itself: a binding of what is not declared, a queue twice in two ways.
    pub async fn open(path: &Path, topology: Topology) -> Result<EmbeddedBroker, JournalError> {
        let actor = BrokerActor::open(path, topology).await?;
        let (commands, received) = mpsc::unbounded_channel();
        // On a thread of its own, for each of its turns waits for the disk.
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new().name("embedded-broker".to_owned());
        thread.spawn(move || runtime.block_on(actor.run(received)))?;
        Ok(EmbeddedBroker { commands, dead_letters: DeadLetterQueues::default() })
    }

    /// With these queues of dead letters, for [`DeadLetters`](crate::dead_letters::DeadLetters); none
    /// if not told.
    #[must_use]
    pub fn with_dead_letters(self, dead_letters: DeadLetterQueues) -> EmbeddedBroker {
        EmbeddedBroker { dead_letters, ..self }
    }

    /// The queue port of one replica; `connection` names it in logs.
    pub fn queue(&self, connection: &str) -> Arc<dyn Queue> {
        Arc::new(Client::new(connection, self.commands.clone()))
    }

    /// Ends the broker: what was asked before is done, clients lose their connections, the file is
    /// free. Closing twice is once.
    pub async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.commands.send(ActorCommand::Close { answer }).is_ok() {
            // An error says that it is closed already.
            closed.await.ok();
        }
    }
}
