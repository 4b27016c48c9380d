//! A batch of publishes on one confirming channel, and what its confirms mean.
//!
//! RabbitMQ sends an unroutable message back before it confirms it, and other confirms may come in
//! between. lapin hands a returned message to whichever publish is confirmed next, so that a confirm
//! alone does not tell whose return it carries. Within a batch whose confirms have all come, every
//! return has come too: they are matched to their publishes by what they say of themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation};
use stormproof_ports::{Message, PublishError};
use tokio::time::{Instant, timeout, timeout_at};

use super::envelope;
use super::job::Job;

/// How long the broker may take to close a channel whose confirms did not come.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Publishes all jobs in order and tells each its outcome. Returns whether the channel is still fit
/// for use: no confirm of an earlier batch may come during a later one.
pub(super) async fn publish(
    channel: &Channel,
    jobs: impl Iterator<Item = Job>,
    deadline: Instant,
) -> bool {
    let jobs: Vec<Job> = jobs.collect();
    let mut confirmed: Vec<Option<lapin::Result<Confirmation>>> = Vec::new();
    confirmed.resize_with(jobs.len(), || None);
    // Each future takes its place in the channel's order when it is polled first, which `join_all`
    // does in order.
    let sends = jobs.iter().map(|job| send(channel, &job.message));
    let Ok(sent) = timeout_at(deadline, join_all(sends)).await else {
        timeout(CLOSE_TIMEOUT, channel.close(200, "not sent in time".into())).await.ok();
        return false;
    };
    let mut pending = FuturesUnordered::new();
    for (index, sent) in sent.into_iter().enumerate() {
        match sent {
            Ok(confirm) => pending.push(confirm.map(move |confirm| (index, confirm))),
            Err(error) => confirmed[index] = Some(Err(error)),
        }
    }
    let mut complete = true;
    loop {
        match timeout_at(deadline, pending.next()).await {
            Ok(Some((index, confirm))) => confirmed[index] = Some(confirm),
            Ok(None) => break,
            Err(_) => {
                // Once the channel is closed nothing more comes, and what came is all there.
                complete = false;
                timeout(CLOSE_TIMEOUT, channel.close(200, "not confirmed in time".into()))
                    .await
                    .ok();
                while let Some(Some((index, confirm))) = pending.next().now_or_never() {
                    confirmed[index] = Some(confirm);
                }
                break;
            }
        }
    }
    let returned: BTreeSet<_> = confirmed.iter().flatten().filter_map(returned).collect();
    for (job, confirm) in jobs.into_iter().zip(confirmed) {
        let outcome = match confirm {
            _ if returned.contains(&identity(&job.message)) => {
                Err(PublishError::Returned(job.message.routing_key))
            }
            Some(Ok(Confirmation::Ack(_))) => Ok(()),
            Some(Ok(Confirmation::Nack(_))) => unknown("the broker refused it: a queue is full"),
            Some(Ok(Confirmation::NotRequested)) => unknown("the channel does not confirm"),
            Some(Err(error)) => unknown(&error.to_string()),
            None => unknown("not confirmed in time"),
        };
        job.outcome.send(outcome).ok();
    }
    complete && channel.status().connected()
}

async fn send(channel: &Channel, message: &Message) -> lapin::Result<lapin::PublisherConfirm> {
    let (exchange, routing_key, properties) = envelope::write(message)?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    channel.basic_publish(exchange, routing_key, options, &message.body, properties).await
}

fn unknown(why: &str) -> Result<(), PublishError> {
    Err(PublishError::Unknown(why.to_owned()))
}

/// What tells a message from others under way. Two of the same identity go the same way.
type Identity = (String, String, String);

fn identity(message: &Message) -> Identity {
    (message.exchange.clone(), message.routing_key.clone(), message.message_id.clone())
}

fn returned(confirm: &lapin::Result<Confirmation>) -> Option<Identity> {
    let (Ok(Confirmation::Ack(message)) | Ok(Confirmation::Nack(message))) = confirm else {
        return None;
    };
    let message = message.as_ref()?;
    let id = message.properties.message_id().as_ref().map(ToString::to_string);
    Some((message.exchange.to_string(), message.routing_key.to_string(), id.unwrap_or_default()))
}
