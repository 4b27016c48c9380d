//! The broker's node: the model of RabbitMQ that is `stormproof-broker`, with a network and a disk around it.
//!
//! One loop works off a queue of events (`event_queue.rs`). What clients do with it is
//! `ports/queue.rs`'s.

mod broker_faults;
pub(crate) mod channel;
pub(crate) mod event_queue;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::select;
use stormproof_broker::{Broker, BrokerError, ConnectionId};
use stormproof_ports::delivery_buffer::DeliveryBuffer;
use stormproof_ports::notify::Notify;
use stormproof_ports::time::Time;

use crate::broker::channel::{Arrival, Channel};
use crate::broker::event_queue::{EventQueueState, WaitingLine};
use crate::faults::process::{SILENCE, later};
use crate::node::{Life, NodeIndex, Power};
use crate::seed::Seed;
use crate::sleep::{sleep, sleep_exactly};
use crate::{World, lock};

/// The broker's node.
pub(crate) struct BrokerHost {
    state: Mutex<EventQueueState>,
    /// Notified when the next event has come nearer.
    notify: Notify,
}

/// What others ask of it.
impl BrokerHost {
    pub(crate) fn new(seed: Seed, broker: Broker) -> BrokerHost {
        let state = EventQueueState {
            broker,
            events: BTreeMap::new(),
            last_entry: 0,
            sync_at: None,
            batch: Vec::new(),
            lines: BTreeMap::new(),
            orphans: Vec::new(),
            held: BTreeMap::new(),
            stream: seed.stream("broker"),
        };
        BrokerHost { state: Mutex::new(state), notify: Notify::default() }
    }

    /// How long things take is drawn anew.
    pub(crate) fn reseed(&self, seed: Seed) {
        lock(&self.state).stream = seed.stream("broker");
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Broker) -> T) -> T {
        look(&lock(&self.state).broker)
    }

    pub(crate) fn in_flight(&self) -> usize {
        let state = lock(&self.state);
        let publishes =
            state.events.values().filter(|entry| matches!(entry.what, Arrival::Publish(..)));
        publishes.count() + state.batch.len() + state.held.len()
    }

    /// What a fault holds aside arrives now.
    pub(crate) fn release_held(&self) {
        let state = &mut *lock(&self.state);
        let held = std::mem::take(&mut state.held);
        state.held =
            held.into_iter().map(|((_, number), it)| ((Duration::ZERO, number), it)).collect();
        self.notify.notify_one();
    }

    /// Opens a connection for one life of a node; with a queue, one that consumes it.
    pub(crate) fn connect(
        &self,
        life: Life,
        consume: Option<(&str, u16, Notify)>,
    ) -> Result<Arc<Channel>, BrokerError> {
        let state = &mut *lock(&self.state);
        let id = state.broker.connect();
        let mut buffer = DeliveryBuffer::new(Notify::default());
        if let Some((queue, prefetch, notify)) = consume {
            if let Err(error) = state.broker.consume(id, queue, prefetch) {
                state.broker.disconnect(id, Time::default());
                return Err(error);
            }
            buffer = DeliveryBuffer::new(notify);
            self.notify.notify_one();
        }
        let channel = Arc::new(Channel { id, life, buffer });
        let line = WaitingLine {
            channel: channel.clone(),
            last: [Duration::ZERO; 2],
            blocked_since: None,
            withheld: Vec::new(),
        };
        state.lines.insert(id, line);
        Ok(channel)
    }

    /// Puts something on its way from a client to the broker, or back.
    pub(crate) fn send(&self, world: &World, connection: ConnectionId, what: Arrival) {
        let mut state = lock(&self.state);
        state.post(world, connection, what);
        self.notify.notify_one();
    }

    pub(crate) fn latency(&self) -> Duration {
        lock(&self.state).latency()
    }

    /// A client died: the broker hears the end of its connections, or no heartbeat any more.
    pub(crate) fn client_down(&self, world: &World, node: NodeIndex, how: Power) {
        let state = &mut *lock(&self.state);
        let heard_after = if how == Power::Crashed { SILENCE } else { state.latency() };
        for connection in state.connections_of(node) {
            state.put(world.elapsed() + heard_after, connection, Arrival::Close);
        }
        self.notify.notify_one();
    }

    /// A client has not sent a heartbeat for too long.
    pub(crate) fn client_silent(&self, world: &World, node: NodeIndex) {
        let state = &mut *lock(&self.state);
        for connection in state.connections_of(node) {
            state.lose(connection, world.now());
        }
        self.notify.notify_one();
    }

    /// The broker dies. What was under way is gone; clients hear of it at once if it said goodbye.
    pub(crate) fn down(&self, world: &World, how: Power) {
        let state = &mut *lock(&self.state);
        if how == Power::Stopped {
            state.broker.sync();
        }
        state.broker.crash(world.now());
        state.events.clear();
        state.sync_at = None;
        state.batch.clear();
        let lines = std::mem::take(&mut state.lines);
        state.orphans.extend(lines.into_values().map(|line| line.channel));
        match how {
            Power::Crashed => later(world, SILENCE, |world| {
                let host = &world.0.broker;
                if world.0.nodes.power(world.0.nodes.broker) == Power::Crashed {
                    lock(&host.state).orphans.drain(..).for_each(|channel| channel.lose());
                }
            }),
            _ => state.orphans.drain(..).for_each(|channel| channel.lose()),
        }
    }

    /// The broker is back, and answers its last life's connections with a reset.
    pub(crate) fn up(&self) {
        lock(&self.state).orphans.drain(..).for_each(|channel| channel.lose());
    }
}

/// The broker's own work.
impl BrokerHost {
    /// Works off the events, until the node is killed.
    pub(crate) async fn run(&self, world: &World) {
        loop {
            let next = lock(&self.state).work(world);
            let notify = std::pin::pin!(self.notify.notified());
            match next {
                None => notify.await,
                Some(next) => {
                    let wait = next.saturating_sub(world.elapsed());
                    let time = &world.0.time;
                    let timer = match world.0.processors {
                        Some(_) => sleep_exactly(time, wait),
                        None => sleep(time, wait),
                    };
                    let timer = std::pin::pin!(timer);
                    select(notify, timer).await;
                }
            }
        }
    }
}
