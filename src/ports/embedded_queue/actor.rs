//! The task that owns the broker model and its journal, and lets clients know only what is on disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stormproof_broker::{Broker, ConnectionId, ConsumerId, Delivered, Published};
use stormproof_ports::delivery_buffer::DeliveryBuffer;
use stormproof_ports::time::Time;
use stormproof_ports::topology::Topology;
use stormproof_ports::{Delivery, Message, PublishError, QueueLost, Settle};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::journal::{Journal, JournalError};

/// How many commands make a turn at the most.
const TURN_MAX: usize = 1024;

/// How long to wait before a journal that failed is tried again.
const RECOVERY_PAUSE: Duration = Duration::from_secs(1);

/// A subscription. Numbers are never used again, unlike the model's, which begins anew after a
/// failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubscriberId(u64);

type Outcome = oneshot::Sender<Result<(), PublishError>>;

/// What clients and operators ask.
pub(super) enum ActorCommand {
    Publish {
        message: Box<Message>,
        outcome: Outcome,
    },
    Subscribe {
        client: String,
        queue: String,
        prefetch: u16,
        buffer: DeliveryBuffer,
        answer: oneshot::Sender<Result<SubscriberId, QueueLost>>,
    },
    Settle {
        subscriber: SubscriberId,
        tag: u64,
        how: Settle,
    },
    Unsubscribe {
        subscriber: SubscriberId,
    },
    /// Does something to the model and returns what to do once it is on disk.
    Operate(Operation),
    Close {
        answer: oneshot::Sender<()>,
    },
}

pub(super) type Operation = Box<dyn FnOnce(&mut Broker, Time) -> Later + Send>;

/// What may be told once the journal has it.
pub(super) type Later = Box<dyn FnOnce() + Send>;

pub(super) struct BrokerActor {
    broker: Broker,
    journal: Journal,
    topology: Topology,
    clock: Clock,
    /// The model's connection on which everybody publishes.
    publisher: ConnectionId,
    subscribers: BTreeMap<SubscriberId, Subscriber>,
    last_subscriber: u64,
}

/// A subscription: one connection of the model with one consumer.
struct Subscriber {
    connection: ConnectionId,
    buffer: DeliveryBuffer,
    client: String,
}

impl BrokerActor {
    pub(super) async fn open(path: &Path, topology: Topology) -> Result<BrokerActor, JournalError> {
        let clock = Clock::start();
        let mut journal = Journal::open(path).await?;
        let (broker, publisher) = rebuild(&mut journal, &topology, clock.now()).await?;
        let subscribers = BTreeMap::new();
        Ok(BrokerActor {
            broker,
            journal,
            topology,
            clock,
            publisher,
            subscribers,
            last_subscriber: 0,
        })
    }

    /// Works until everybody who could ask is gone, or until it is closed.
    pub(super) async fn run(mut self, mut received: mpsc::UnboundedReceiver<ActorCommand>) {
        let mut commands = Vec::new();
        let mut closing = Vec::new();
        while closing.is_empty() {
            let due = self.broker.next_deadline().map(|due| due.since(self.clock.now()));
            let timer = async {
                match due {
                    Some(wait) => sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                count = received.recv_many(&mut commands, TURN_MAX) => if count == 0 { break },
                () = timer => {}
            }
            if let Err(error) = self.turn(commands.drain(..), &mut closing).await {
                self.start_over(error).await;
            }
        }
        self.lose_everybody(&stopped().0);
        self.journal.close().await;
        // Who waits may open the file from here on.
        drop(closing);
    }

    /// Takes what was asked, lets the model decide, writes down what changed, and tells.
    async fn turn(
        &mut self,
        commands: impl Iterator<Item = ActorCommand>,
        closing: &mut Vec<oneshot::Sender<()>>,
    ) -> Result<(), JournalError> {
        let now = self.clock.now();
        let mut later: Vec<Later> = Vec::new();
        let mut unconfirmed: BTreeMap<u64, Outcome> = BTreeMap::new();
        for command in commands {
            match command {
                ActorCommand::Publish { message, outcome } => {
                    self.publish(*message, outcome, now, &mut unconfirmed);
                }
                ActorCommand::Subscribe { client, queue, prefetch, buffer, answer } => {
                    answer.send(self.subscribe(client, &queue, prefetch, buffer, now)).ok();
                }
                ActorCommand::Settle { subscriber, tag, how } => {
                    self.settle(subscriber, tag, how, now)
                }
                ActorCommand::Unsubscribe { subscriber } => {
                    self.lose(subscriber, "it was dropped", now)
                }
                ActorCommand::Operate(operate) => later.push(operate(&mut self.broker, now)),
                ActorCommand::Close { answer } => closing.push(answer),
            }
        }
        let confirmed = self.broker.sync();
        self.broker.advance(now);
        let delivered = self.broker.deliver(now);
        self.journal.write(self.broker.take_changes()).await?;
        for (_, sequence) in confirmed {
            if let Some(outcome) = unconfirmed.remove(&sequence) {
                outcome.send(Ok(())).ok();
            }
        }
        self.hand_out(delivered);
        later.into_iter().for_each(|tell| tell());
        Ok(())
    }

    fn publish(
        &mut self,
        message: Message,
        outcome: Outcome,
        now: Time,
        unconfirmed: &mut BTreeMap<u64, Outcome>,
    ) {
        let routing_key = message.routing_key.clone();
        let refusal = match self.broker.publish(self.publisher, message, true, now) {
            Ok(Published::Accepted { sequence }) => {
                unconfirmed.insert(sequence, outcome);
                return;
            }
            Ok(Published::Returned { .. }) => PublishError::Returned(routing_key),
            Ok(Published::Refused { .. }) => PublishError::Unknown("a queue is full".to_owned()),
            Err(error) => PublishError::Unknown(error.to_string()),
        };
        outcome.send(Err(refusal)).ok();
    }

    fn subscribe(
        &mut self,
        client: String,
        queue: &str,
        prefetch: u16,
        buffer: DeliveryBuffer,
        now: Time,
    ) -> Result<SubscriberId, QueueLost> {
        let connection = self.broker.connect();
        if let Err(error) = self.broker.consume(connection, queue, prefetch) {
            self.broker.disconnect(connection, now);
            return Err(QueueLost(error.to_string()));
        }
        self.last_subscriber += 1;
        let id = SubscriberId(self.last_subscriber);
        self.subscribers.insert(id, Subscriber { connection, buffer, client });
        Ok(id)
    }

    fn settle(&mut self, id: SubscriberId, tag: u64, how: Settle, now: Time) {
        // A subscription that was lost since has been told so.
        let Some(subscriber) = self.subscribers.get(&id) else { return };
        let settled = match how {
            Settle::Ack => self.broker.ack(subscriber.connection, tag),
            Settle::Reject => self.broker.reject(subscriber.connection, tag, false, now),
        };
        if let Err(error) = settled {
            self.lose(id, &error.to_string(), now);
        }
    }

    /// Ends a subscription; what it held goes back.
    fn lose(&mut self, id: SubscriberId, why: &str, now: Time) {
        let Some(subscriber) = self.subscribers.remove(&id) else { return };
        tracing::debug!(client = subscriber.client, why, "a subscription ends");
        self.broker.disconnect(subscriber.connection, now);
        subscriber.buffer.lose(why);
    }

    fn hand_out(&self, delivered: Vec<(ConsumerId, Delivered)>) {
        let subscribers: BTreeMap<ConnectionId, &Subscriber> = self
            .subscribers
            .values()
            .map(|subscriber| (subscriber.connection, subscriber))
            .collect();
        for (consumer, delivered) in delivered {
            let subscriber = subscribers[&consumer.connection];
            subscriber.buffer.push(Delivery {
                tag: delivered.tag,
                redelivered: delivered.redelivered,
                message: Arc::unwrap_or_clone(delivered.message),
                unreadable: None,
            });
        }
    }

    /// The journal could not be written: whether it has the last turn is for its file to say. What
    /// was not told is unknown, every connection is lost, and the model is made again.
    async fn start_over(&mut self, error: JournalError) {
        let mut error = error;
        loop {
            tracing::error!(%error, "the embedded broker starts over");
            self.lose_everybody(&error.to_string());
            match rebuild(&mut self.journal, &self.topology, self.clock.now()).await {
                Ok((broker, publisher)) => {
                    (self.broker, self.publisher) = (broker, publisher);
                    return;
                }
                Err(again) => error = again,
            }
            sleep(RECOVERY_PAUSE).await;
        }
    }

    fn lose_everybody(&mut self, why: &str) {
        for subscriber in std::mem::take(&mut self.subscribers).into_values() {
            subscriber.buffer.lose(why);
        }
    }
}

/// The model as the journal remembers it, after a crash.
async fn rebuild(
    journal: &mut Journal,
    topology: &Topology,
    now: Time,
) -> Result<(Broker, ConnectionId), JournalError> {
    let mut broker = Broker::new();
    broker.declare(topology).expect("the topology is consistent");
    for row in journal.read().await? {
        let (queue, serial) = (row.queue, row.stored.serial);
        let restored = broker.restore(&queue, row.place, row.stored);
        restored.map_err(|_| JournalError::UnknownQueue { queue, serial })?;
    }
    broker.record();
    broker.crash(now);
    journal.write(broker.take_changes()).await?;
    let publisher = broker.connect();
    Ok((broker, publisher))
}

/// Wall-clock time that never jumps while the process lives: a time to live is a duration.
struct Clock {
    started: Instant,
    wall: Time,
}

impl Clock {
    fn start() -> Clock {
        // A clock before 1970 is as good as any: times are compared among themselves.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { started: Instant::now(), wall: Time::default() + wall }
    }

    fn now(&self) -> Time {
        self.wall + self.started.elapsed()
    }
}

/// What is said of a broker that is there no more.
pub(super) fn stopped() -> QueueLost {
    QueueLost("the embedded broker has stopped".to_owned())
}
