//! The broker's work: what arrives when, the sync that makes publishes durable, the deadlines.
//!
//! Everything on one connection keeps its order, as on TCP. Faults on queues are `broker_faults.rs`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use rand::Rng as _;
use stormproof_broker::{Broker, ConnectionId, Published};
use stormproof_ports::machine::WorkKind;
use stormproof_ports::time::Time;
use stormproof_ports::{Message, Settle};

use crate::broker::channel::{Arrival, Channel, Confirm};
use crate::faults::network::link;
use crate::faults::process::{SILENCE, slowness};
use crate::node::NodeIndex;
use crate::seed::Stream;
use crate::{EPOCH, World};

/// How often TCP tries again on a cut link.
const RETRANSMIT: Duration = Duration::from_millis(250);

/// The broker, everything under way to and from it, and its clients' ends of the connections.
pub(crate) struct EventQueueState {
    pub(crate) broker: Broker,
    pub(crate) events: BTreeMap<(Duration, u64), QueuedEvent>,
    pub(crate) last_entry: u64,
    /// When the pending publishes will be durable.
    pub(crate) sync_at: Option<Duration>,
    /// The publishes that wait for it: whom to tell, and what faults on queues ask for.
    pub(crate) batch: Vec<Pending>,
    pub(crate) lines: BTreeMap<ConnectionId, WaitingLine>,
    /// Ends of connections that the broker's last life had, whose clients have not noticed.
    pub(crate) orphans: Vec<Arc<Channel>>,
    /// Messages that a fault holds aside; they survive everything.
    pub(crate) held: BTreeMap<(Duration, u64), (String, Arc<Message>)>,
    pub(crate) stream: Stream,
}

pub(crate) struct QueuedEvent {
    pub(crate) connection: ConnectionId,
    pub(crate) what: Arrival,
}

pub(crate) struct Pending {
    pub(crate) connection: ConnectionId,
    pub(crate) message_id: String,
    pub(crate) confirm: oneshot::Sender<Confirm>,
}

/// A connection as the broker's host sees it.
pub(crate) struct WaitingLine {
    pub(crate) channel: Arc<Channel>,
    /// The latest arrivals: at the broker, at the client.
    pub(crate) last: [Duration; 2],
    /// Since when nothing has got through.
    pub(crate) blocked_since: Option<Duration>,
    /// Confirms that will never be sent.
    pub(crate) withheld: Vec<oneshot::Sender<Confirm>>,
}

impl EventQueueState {
    /// Does what is due. Returns when the next thing will be.
    pub(crate) fn work(&mut self, world: &World) -> Option<Duration> {
        let now = world.elapsed();
        while self.events.first_key_value().is_some_and(|((at, _), _)| *at <= now) {
            let (_, entry) = self.events.pop_first().expect("just seen");
            self.arrive(world, entry);
        }
        while self.held.first_key_value().is_some_and(|((at, _), _)| *at <= now) {
            let (_, (queue, message)) = self.held.pop_first().expect("just seen");
            self.broker.enqueue_copy(&queue, message, world.now()).expect("it was in that queue");
        }
        if self.sync_at.is_some_and(|at| at <= now) {
            self.sync(world);
        }
        if self.next_deadline().is_some_and(|at| at <= now) {
            self.broker.advance(world.now());
        }
        for (consumer, delivered) in self.broker.deliver(world.now()) {
            self.post(world, consumer.connection, Arrival::Deliver(delivered));
        }
        let next = self.events.first_key_value().map(|((at, _), _)| *at);
        let held = self.held.first_key_value().map(|((at, _), _)| *at);
        [next, held, self.sync_at, self.next_deadline()].into_iter().flatten().min()
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.broker.next_deadline().map(|at| at.since(EPOCH))
    }

    /// Something has come to the end of its way, unless the link is cut.
    fn arrive(&mut self, world: &World, entry: QueuedEvent) {
        let QueuedEvent { connection, what } = entry;
        let now = world.elapsed();
        let Some(line) = self.lines.get_mut(&connection) else { return };
        let client = line.channel.life.node;
        let broker = world.0.nodes.broker;
        let is_in = what.is_for_broker();
        let (from, to) = if is_in { (client, broker) } else { (broker, client) };
        // A client without power is silent; its timeout has passed, whatever the link does.
        let is_gone = matches!(what, Arrival::Close) && !world.0.nodes.is_alive(line.channel.life);
        if !is_gone && link(world, from, to).cut {
            let since = *line.blocked_since.get_or_insert(now);
            match now < since + SILENCE {
                true => {
                    // What follows on the connection waits behind it.
                    let at = now + RETRANSMIT;
                    let last = &mut line.last[usize::from(is_in)];
                    *last = at.max(*last);
                    self.put(at, connection, what);
                }
                false => self.lose(connection, world.now()),
            }
            return;
        }
        line.blocked_since = None;
        match what {
            Arrival::Publish(message, confirm) => {
                self.publish(world, connection, *message, confirm)
            }
            Arrival::Settle(tag, how) => {
                let settled = match how {
                    Settle::Ack => self.broker.ack(connection, tag),
                    Settle::Reject => self.broker.reject(connection, tag, false, world.now()),
                };
                if settled.is_err() {
                    self.lose(connection, world.now());
                }
            }
            Arrival::Close => self.lose(connection, world.now()),
            Arrival::Deliver(delivered) => {
                let channel = line.channel.clone();
                channel.deliver(world, delivered);
                self.reorder(world, &channel);
            }
            Arrival::Confirm(confirm, outcome) => {
                // The publisher may have given up.
                confirm.send(outcome).ok();
            }
        }
    }

    fn publish(
        &mut self,
        world: &World,
        connection: ConnectionId,
        message: Message,
        confirm: oneshot::Sender<Confirm>,
    ) {
        let message_id = message.message_id.clone();
        match self.broker.publish(connection, message, true, world.now()) {
            Ok(Published::Accepted { .. }) => {
                self.batch.push(Pending { connection, message_id, confirm });
                if self.sync_at.is_none() {
                    let delay = match &world.0.processors {
                        Some(processors) => processors.broker_sync(),
                        None => Duration::from_micros(self.stream.random_range(1_000..3_000)),
                    };
                    self.sync_at = Some(world.elapsed() + delay);
                }
            }
            Ok(Published::Returned { .. }) => {
                self.post(world, connection, Arrival::Confirm(confirm, Confirm::Returned));
            }
            Ok(Published::Refused { .. }) => {
                self.post(world, connection, Arrival::Confirm(confirm, Confirm::Nack));
            }
            Err(_) => self.lose(connection, world.now()),
        }
    }

    /// Makes the pending publishes durable, gives faults their chance, and confirms.
    fn sync(&mut self, world: &World) {
        self.sync_at = None;
        self.broker.sync();
        for pending in std::mem::take(&mut self.batch) {
            let Pending { connection, message_id, confirm } = pending;
            let told = self.harm(world, &message_id);
            match (self.lines.get_mut(&connection), told) {
                (Some(_), Some(told)) => {
                    self.post(world, connection, Arrival::Confirm(confirm, told));
                }
                (Some(line), None) => line.withheld.push(confirm),
                (None, _) => {}
            }
        }
    }

    /// Sends something; it arrives after a while, behind what was sent before it.
    pub(crate) fn post(&mut self, world: &World, connection: ConnectionId, what: Arrival) {
        let drawn = match world.0.processors {
            Some(_) => Duration::ZERO,
            None => self.latency(),
        };
        let Some(line) = self.lines.get_mut(&connection) else { return };
        let client = line.channel.life.node;
        let broker = world.0.nodes.broker;
        let is_in = what.is_for_broker();
        let (from, to) = if is_in { (client, broker) } else { (broker, client) };
        // A confirm is part of its publish, an acknowledgement of its delivery.
        let kind = match &what {
            Arrival::Publish(..) => Some(WorkKind::Publish),
            Arrival::Deliver(_) => Some(WorkKind::Deliver),
            _ => None,
        };
        let now = world.elapsed();
        let worked = kind.zip(world.0.processors.as_ref());
        let worked = worked.map(|(kind, machine)| machine.work(now, kind, client, broker));
        let latency = worked.map_or(drawn, |worked| worked - now);
        let at = now + latency + link(world, from, to).delay + slowness(world, broker);
        let last = &mut line.last[usize::from(is_in)];
        *last = at.max(*last);
        let at = *last;
        self.put(at, connection, what);
    }

    pub(crate) fn put(&mut self, at: Duration, connection: ConnectionId, what: Arrival) {
        self.last_entry += 1;
        self.events.insert((at, self.last_entry), QueuedEvent { connection, what });
    }

    /// Ends a connection on both sides.
    pub(crate) fn lose(&mut self, connection: ConnectionId, now: Time) {
        self.broker.disconnect(connection, now);
        if let Some(line) = self.lines.remove(&connection) {
            line.channel.lose();
        }
    }

    pub(crate) fn connections_of(&self, node: NodeIndex) -> Vec<ConnectionId> {
        let lines = self.lines.iter().filter(|(_, line)| line.channel.life.node == node);
        lines.map(|(id, _)| *id).collect()
    }

    pub(crate) fn latency(&mut self) -> Duration {
        Duration::from_micros(self.stream.random_range(1_000..5_000))
    }
}
