//! Publishing: who publishes hands in a message and waits; one task sends what has gathered.
//!
//! How a batch is sent and what its confirms mean is `batch`'s.

use std::sync::Arc;

use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection};
use stormproof_ports::{Message, PublishError, QueueLost};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::{PUBLISH_TIMEOUT, lost};
use super::batch;
use super::connection::KeptConnection;
use super::job::Job;

/// How many messages are sent before their confirms are awaited.
const BATCH_MAX: usize = 256;

pub(super) struct Publisher {
    connection: Arc<KeptConnection>,
    jobs: mpsc::UnboundedSender<Job>,
}

impl Publisher {
    /// Starts the task that publishes; it ends when the publisher is dropped.
    pub(super) fn start(connection: KeptConnection) -> Publisher {
        let connection = Arc::new(connection);
        let (jobs, received) = mpsc::unbounded_channel();
        tokio::spawn(run(connection.clone(), received));
        Publisher { connection, jobs }
    }

    pub(super) fn connection(&self) -> &KeptConnection {
        &self.connection
    }

    pub(super) async fn publish(&self, message: Message) -> Result<(), PublishError> {
        let (outcome, told) = oneshot::channel();
        let job = Job { message, outcome, deadline: Instant::now() + PUBLISH_TIMEOUT };
        let unknown = |why: &str| Err(PublishError::Unknown(why.to_owned()));
        if self.jobs.send(job).is_err() {
            return unknown("the publisher has stopped");
        }
        match timeout(PUBLISH_TIMEOUT, told).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => unknown("the publisher has stopped"),
            Err(_) => unknown(&late(&self.connection)),
        }
    }
}

async fn run(connection: Arc<KeptConnection>, mut received: mpsc::UnboundedReceiver<Job>) {
    let mut channel = None;
    let mut jobs = Vec::new();
    while received.recv_many(&mut jobs, BATCH_MAX).await > 0 {
        // Who does not wait any more has been told Unknown: sending now would only make a duplicate
        // of what is tried again.
        jobs.retain(|job| !job.outcome.is_closed());
        let Some(deadline) = jobs.iter().map(|job| job.deadline).max() else { continue };
        let ready = timeout_at(deadline, open(&connection, &mut channel)).await;
        match ready {
            Ok(Ok(open)) => {
                if !batch::publish(&open, jobs.drain(..), deadline).await {
                    channel = None;
                }
            }
            Ok(Err(QueueLost(why))) => tell(&mut jobs, &why),
            Err(_) => tell(&mut jobs, &late(&connection)),
        }
    }
}

/// Why a publish is not confirmed in time.
fn late(connection: &KeptConnection) -> String {
    let otherwise = || format!("not within {} s", PUBLISH_TIMEOUT.as_secs());
    connection.trouble().unwrap_or_else(otherwise)
}

fn tell(jobs: &mut Vec<Job>, why: &str) {
    for job in jobs.drain(..) {
        // An error says that nobody waits any more.
        job.outcome.send(Err(PublishError::Unknown(why.to_owned()))).ok();
    }
}

/// The confirming channel; a new one if there is none that lives.
async fn open(kept: &KeptConnection, channel: &mut Option<Channel>) -> Result<Channel, QueueLost> {
    loop {
        let connection = kept.unblocked().await?;
        if let Some(channel) = channel
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        match confirming(&connection).await {
            Ok(fresh) => return Ok(channel.insert(fresh).clone()),
            // It died meanwhile. Nothing is sent yet: the next connection will do as well.
            Err(_) if !connection.status().connected() => {}
            Err(error) => return Err(lost(&error)),
        }
    }
}

async fn confirming(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}
