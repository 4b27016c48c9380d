//! Messages: one confirming connection per node for publishing, one per subscription.

use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::BoxFuture;
use stormproof_ports::notify::Notify;
use stormproof_ports::{Delivery, Message, PublishError, Queue, QueueLost, Settle, Subscription};

use crate::World;
use crate::broker::channel::{Arrival, Channel, Confirm};
use crate::faults::network::{connect_hangs, link};
use crate::faults::process::slowness;
use crate::faults::{FaultKind, pass};
use crate::history::Kind as Event;
use crate::moment::{Act, Side};
use crate::node::{Life, Power};
use crate::ports::CONNECT_TIMEOUT;
use crate::sleep::{sleep, within};

/// How long a publisher waits for its confirm.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

/// The way to the broker from one life of a node.
pub(super) struct SimQueue {
    world: World,
    life: Life,
    publisher: async_lock::Mutex<Option<Arc<Channel>>>,
}

impl SimQueue {
    pub(super) fn new(world: &World, life: Life) -> SimQueue {
        SimQueue { world: world.clone(), life, publisher: async_lock::Mutex::new(None) }
    }

    async fn send(&self, message: Message) -> Result<(), PublishError> {
        let world = &self.world;
        let history = &world.0.history;
        let schema = message.schema.clone();
        let subject = message.correlation_id.clone();
        pass(world, self.life, Side::Before, Act::Publish, &[&schema]).await;
        let slow = slowness(world, self.life.node);
        if !slow.is_zero() {
            sleep(&world.0.time, slow).await;
        }
        let channel = self.publisher().await?;
        let record = |kind, what: &str| {
            let parts = [schema.as_str(), what];
            history.record(world.elapsed(), self.life.node, kind, &subject, &parts);
        };
        record(Event::Publish, &message.message_id);
        let routing_key = message.routing_key.clone();
        let (confirm, confirmed) = oneshot::channel();
        let deadline = world.elapsed() + CONFIRM_TIMEOUT;
        let publish = Arrival::Publish(Box::new(message), confirm);
        world.0.broker.send(world, channel.id, publish);
        let outcome = within(&world.0.time, CONFIRM_TIMEOUT, confirmed).await;
        match outcome {
            Some(Ok(Confirm::Ack)) => record(Event::Confirm, "ack"),
            Some(Ok(Confirm::Returned)) => {
                record(Event::Confirm, "returned");
                return Err(PublishError::Returned(routing_key));
            }
            Some(Ok(Confirm::Nack)) => {
                record(Event::Confirm, "nack");
                return Err(PublishError::Unknown("a queue is full".into()));
            }
            Some(Err(oneshot::Canceled)) => {
                // The end of the connection is heard, unless the broker has no power.
                let broker = world.0.nodes.broker;
                if world.0.nodes.power(broker) == Power::Crashed {
                    let rest = deadline.saturating_sub(world.elapsed());
                    sleep(&world.0.time, rest).await;
                }
                record(Event::Confirm, "unknown");
                return Err(PublishError::Unknown("the connection was lost".into()));
            }
            None => {
                record(Event::Confirm, "unknown");
                return Err(PublishError::Unknown("not within five seconds".into()));
            }
        }
        let aimed = pass(world, self.life, Side::After, Act::Publish, &[&schema]).await;
        match aimed.map(|fault| fault.kind) {
            Some(FaultKind::ConfirmLost) => {
                sleep(&world.0.time, deadline.saturating_sub(world.elapsed())).await;
                Err(PublishError::Unknown("not within five seconds".into()))
            }
            _ => Ok(()),
        }
    }

    /// The connection to publish on; a new one if there is none that lives.
    async fn publisher(&self) -> Result<Arc<Channel>, PublishError> {
        let mut publisher = self.publisher.lock().await;
        match &*publisher {
            Some(channel) if !channel.is_lost() => Ok(channel.clone()),
            _ => {
                let channel = self.connect(None).await;
                let channel = channel.map_err(|QueueLost(why)| PublishError::Unknown(why))?;
                Ok(publisher.insert(channel).clone())
            }
        }
    }

    async fn connect(
        &self,
        consume: Option<(&str, u16, Notify)>,
    ) -> Result<Arc<Channel>, QueueLost> {
        let world = &self.world;
        let (nodes, time) = (&world.0.nodes, &world.0.time);
        let (me, broker) = (self.life.node, nodes.broker);
        let (out, back) = (link(world, me, broker), link(world, broker, me));
        let hangs = out.cut || back.cut || connect_hangs(world, me, broker);
        let latency = world.0.broker.latency() + world.0.broker.latency() + out.delay + back.delay;
        match nodes.power(broker) {
            Power::Up if !hangs => sleep(time, latency).await,
            Power::Stopped => {
                sleep(time, Duration::from_millis(1)).await;
                return Err(QueueLost("broker refuses".into()));
            }
            _ => {
                sleep(time, CONNECT_TIMEOUT).await;
                return Err(QueueLost("no connection to broker in time".into()));
            }
        }
        if nodes.power(broker) != Power::Up {
            return Err(QueueLost("the connection was lost".into()));
        }
        world.0.broker.connect(self.life, consume).map_err(|error| QueueLost(error.to_string()))
    }
}

impl Queue for SimQueue {
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(self.send(message))
    }

    fn subscribe<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        notify: Notify,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>> {
        Box::pin(async move {
            let channel = self.connect(Some((queue, prefetch, notify))).await?;
            let world = self.world.clone();
            Ok(Box::new(SimSubscription { world, channel, taken: Vec::new() }) as _)
        })
    }
}

/// Closes the publishing connection when its node's bindings go.
impl Drop for SimQueue {
    fn drop(&mut self) {
        if let Some(channel) = self.publisher.get_mut() {
            close(&self.world, channel);
        }
    }
}

/// A consumer.
struct SimSubscription {
    world: World,
    channel: Arc<Channel>,
    /// Tag and schema of what was taken and not settled.
    taken: Vec<(u64, String)>,
}

impl Subscription for SimSubscription {
    fn take(&mut self) -> Result<Option<Delivery>, QueueLost> {
        let delivery = self.channel.buffer.take()?;
        if let Some(delivery) = &delivery {
            self.taken.push((delivery.tag, delivery.message.schema.clone()));
        }
        Ok(delivery)
    }

    fn settle(&mut self, tag: u64, how: Settle) -> BoxFuture<'_, Result<(), QueueLost>> {
        Box::pin(async move {
            let place = self.taken.iter().position(|(taken, _)| *taken == tag);
            let schema = place.map(|place| self.taken.swap_remove(place).1).unwrap_or_default();
            let (world, life) = (&self.world, self.channel.life);
            pass(world, life, Side::Before, Act::Ack, &[&schema]).await;
            self.channel.buffer.check()?;
            let word = if how == Settle::Ack { "ack" } else { "reject" };
            world.0.history.record(world.elapsed(), life.node, Event::Settle, &schema, &[word]);
            world.0.broker.send(world, self.channel.id, Arrival::Settle(tag, how));
            pass(world, life, Side::After, Act::Ack, &[&schema]).await;
            self.channel.buffer.check()
        })
    }
}

impl Drop for SimSubscription {
    fn drop(&mut self) {
        close(&self.world, &self.channel);
    }
}

/// Says goodbye to the broker, if there is anybody to say it.
fn close(world: &World, channel: &Channel) {
    if world.0.nodes.is_alive(channel.life) && !channel.is_lost() {
        world.0.broker.send(world, channel.id, Arrival::Close);
    }
}
