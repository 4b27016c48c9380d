//! A durable broker inside the process: the system's broker model, over a journal in SQLite.
//!
//! One task (`keeper`) owns the model. It works in turns: it takes all that clients ask by then, lets
//! the model decide, writes what changed into the journal in one commit, and only then tells clients.
//! So a confirm means that the message is on disk, and a delivery that the hand-out is: whatever dies
//! at any moment, nothing confirmed is lost, and what was in a consumer's hands comes again with its
//! delivery counted. An acknowledgement is not waited for; it is on disk one turn later, and a crash
//! in between delivers the message once more.
//!
//! What a queue does is the model's; what SQLite stores is `journal`'s. One process at a time.

mod client;
mod journal;
mod keeper;
mod operator;

use std::path::Path;
use std::sync::Arc;

use stormproof_system::ports::{Queue, QueueLost};
use stormproof_system::topology::{self, Topology};
use tokio::sync::{mpsc, oneshot};

use client::Client;
pub use journal::JournalError;
use keeper::{Command, Keeper};

/// The way to the embedded broker. It runs until it is closed, or until this and every queue and
/// subscription that came from it are dropped.
pub struct EmbeddedBroker {
    commands: mpsc::UnboundedSender<Command>,
}

impl EmbeddedBroker {
    /// Opens, or creates, the journal at `path` and starts the broker with the shop's queues; call it
    /// within a tokio runtime. Errors: another process has it open, the file is damaged, or it holds
    /// messages of a queue that the shop does not have.
    pub async fn open(path: &Path) -> Result<EmbeddedBroker, JournalError> {
        EmbeddedBroker::open_with(path, topology::of_shop()).await
    }

    /// The same with other queues.
    pub async fn open_with(
        path: &Path,
        topology: Topology,
    ) -> Result<EmbeddedBroker, JournalError> {
        let keeper = Keeper::open(path, topology).await?;
        let (commands, received) = mpsc::unbounded_channel();
        tokio::spawn(keeper.run(received));
        Ok(EmbeddedBroker { commands })
    }

    /// The queue port of one replica; `connection` names it in logs.
    pub fn queue(&self, connection: &str) -> Arc<dyn Queue> {
        Arc::new(Client::new(connection, self.commands.clone()))
    }

    /// Ends the broker: what was asked before is done, clients lose their connections, the file is
    /// free. Closing twice is once.
    pub async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.commands.send(Command::Close { answer }).is_ok() {
            // An error says that it is closed already.
            closed.await.ok();
        }
    }
}

fn stopped() -> QueueLost {
    QueueLost("the embedded broker has stopped".to_owned())
}
