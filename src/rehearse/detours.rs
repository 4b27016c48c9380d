//! Messages on their way into a queue that faults are aimed at: the queue is bound aside, what would
//! have reached it comes here first, and is put into it as the faults will have it.
//!
//! None is lost on the way: what is kept goes on at the end of the storm at the latest, and a rehearsal
//! is not at rest before.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stormproof_sim::storm::faults::Kind;
use stormproof_system::broker::QueueSpec;
use stormproof_system::doorbell::Doorbell;
use stormproof_system::messages::QUEUES;
use stormproof_system::ports::{Message, Queue as _, Settle};
use stormproof_system::topology::{Binding, Topology};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::arms::Arms;
use super::doors::TICK;
use super::story::Story;
use crate::ports::queue::RabbitMq;

/// The detours of a rehearsal.
pub struct Detours {
    broker: Arc<RabbitMq>,
    topology: Topology,
    /// Messages that are kept.
    kept: Arc<AtomicUsize>,
    tasks: Mutex<JoinSet<()>>,
}

/// How long what a shuffle keeps waits for a second message before it goes on alone.
const COMPANY: Duration = Duration::from_secs(10);

/// How often a publish is tried that is not confirmed.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// One queue's detour.
struct Detour {
    broker: Arc<RabbitMq>,
    arms: Arc<Arms>,
    story: Arc<Story>,
    queue: &'static str,
    aside: String,
    kept: Arc<AtomicUsize>,
}

impl Detours {
    /// Binds `queues` aside.
    ///
    /// # Errors
    /// If the broker refuses.
    pub async fn take(
        broker: &Arc<RabbitMq>,
        arms: &Arc<Arms>,
        story: &Arc<Story>,
        queues: &[&'static str],
    ) -> Result<Detours, String> {
        let mut detours = Detours {
            broker: broker.clone(),
            topology: Topology::default(),
            kept: Arc::default(),
            tasks: Mutex::default(),
        };
        let mut named = Vec::new();
        for row in QUEUES.iter().filter(|row| queues.contains(&row.name)) {
            let aside = format!("{}.aside", row.name);
            detours.topology.queues.push(QueueSpec::named(&aside));
            detours.topology.bindings.push(Binding {
                queue: aside.clone(),
                exchange: row.exchange.to_owned(),
                pattern: row.binding.to_owned(),
            });
            named.push((row.name, aside));
        }
        let declared = broker.declare_topology(&detours.topology).await;
        declared.map_err(|error| format!("the broker: {error}"))?;
        for Binding { exchange, pattern, queue: aside } in &detours.topology.bindings {
            let queue = aside.trim_end_matches(".aside").to_owned();
            let binding = Binding { queue, exchange: exchange.clone(), pattern: pattern.clone() };
            let unbound = broker.unbind(&binding).await;
            unbound.map_err(|error| format!("the broker: {error}"))?;
        }
        for (queue, aside) in named {
            let detour = Detour {
                broker: broker.clone(),
                arms: arms.clone(),
                story: story.clone(),
                queue,
                aside,
                kept: detours.kept.clone(),
            };
            detours.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(detour.run());
        }
        Ok(detours)
    }

    /// How many messages are on the detours.
    pub async fn waiting(&self) -> usize {
        let names: Vec<&str> = self.topology.queues.iter().map(|spec| &*spec.name).collect();
        let ready = match names.is_empty() {
            true => 0,
            false => self.broker.depths(&names).await.map_or(1, |depths| depths.iter().sum()),
        };
        ready + self.kept.load(Ordering::SeqCst)
    }

    /// Takes the detours' queues away.
    pub async fn end(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        // What is left is told with the queues of the shop.
        self.broker.undeclare(&self.topology).await.ok();
    }
}

impl Detour {
    async fn run(self) {
        let this = Arc::new(self);
        let bell = Doorbell::default();
        // What waits for a second message, to be turned round with it.
        let mut alone: VecDeque<Message> = VecDeque::new();
        let mut late = JoinSet::new();
        loop {
            let Ok(mut inbox) = this.broker.subscribe(&this.aside, 64, bell.clone()).await else {
                sleep(AGAIN_AFTER).await;
                continue;
            };
            loop {
                match inbox.take() {
                    Ok(Some(delivery)) => {
                        this.kept.fetch_add(1, Ordering::SeqCst);
                        this.pass(delivery.message, &mut alone, &mut late).await;
                        if inbox.settle(delivery.tag, Settle::Ack).await.is_err() {
                            break;
                        }
                    }
                    Ok(None) => {
                        let waits = this.story.real(COMPANY);
                        let woken = timeout(waits, bell.wait()).await;
                        if woken.is_err() {
                            while let Some(message) = alone.pop_front() {
                                this.put(message).await;
                            }
                        }
                    }
                    Err(_) => break,
                }
            }
        }
    }

    /// Puts a message into its queue, or keeps it for a while.
    async fn pass(
        self: &Arc<Self>,
        message: Message,
        alone: &mut VecDeque<Message>,
        late: &mut JoinSet<()>,
    ) {
        if let Some(first) = alone.pop_front() {
            self.put(message).await;
            return self.put(first).await;
        }
        let queue = self.queue;
        let fits = |kind: &Kind| match kind {
            Kind::MessageTwice { queue: aimed }
            | Kind::MessageLate { queue: aimed, .. }
            | Kind::MessagesReordered { queue: aimed } => aimed == queue,
            _ => false,
        };
        match self.arms.strike(fits) {
            Some(Kind::MessageTwice { .. }) => {
                self.kept.fetch_add(1, Ordering::SeqCst);
                self.put(message.clone()).await;
                self.put(message).await;
            }
            Some(Kind::MessageLate { by, .. }) => {
                let (this, wait) = (self.clone(), self.story.real(by));
                late.spawn(async move {
                    let begun = Instant::now();
                    while begun.elapsed() < wait && !this.arms.are_down() {
                        sleep(TICK).await;
                    }
                    this.put(message).await;
                });
            }
            Some(Kind::MessagesReordered { .. }) => alone.push_back(message),
            _ => self.put(message).await,
        }
    }

    /// Puts a message into the queue until the broker confirms it.
    async fn put(&self, message: Message) {
        let message =
            Message { exchange: String::new(), routing_key: self.queue.to_owned(), ..message };
        while self.broker.publish(message.clone()).await.is_err() {
            sleep(AGAIN_AFTER).await;
        }
        self.kept.fetch_sub(1, Ordering::SeqCst);
    }
}
