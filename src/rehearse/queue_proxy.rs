//! Messages on their way into a queue that faults are aimed at. A proxy queue takes over the queue's
//! binding, so that messages arrive here first; they are then put into the queue itself, twice, late or
//! in another order if a fault says so.
//!
//! None is lost on the way: what is held back goes on at the end of the storm at the latest, and a
//! rehearsal is not at rest before.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stormproof_broker::QueueSpec;
use stormproof_faults::{Fault, FaultKind};
use stormproof_ports::notify::Notify;
use stormproof_ports::{Message, Queue as _, Settle};
use stormproof_system::messages::QUEUES;
use stormproof_system::topology::{Binding, Topology};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::faults::Faults;
use super::link::TICK;
use super::story::Story;
use stormproof_bindings::queue::RabbitMq;

/// The proxy queues of a rehearsal.
pub struct QueueProxies {
    broker: Arc<RabbitMq>,
    topology: Topology,
    /// Messages that are held back.
    kept: Arc<AtomicUsize>,
    tasks: Mutex<JoinSet<()>>,
}

/// How long a message that is to change places waits for the next one before it goes on held.
const REORDER_WAIT_MAX: Duration = Duration::from_secs(10);

/// The pause before a publish that was not confirmed is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// The proxy of one queue.
struct QueueProxy {
    broker: Arc<RabbitMq>,
    faults: Faults,
    story: Arc<Story>,
    queue: &'static str,
    proxied: String,
    kept: Arc<AtomicUsize>,
}

impl QueueProxies {
    /// Puts a proxy before each of `queues`.
    ///
    /// # Errors
    /// If the broker refuses.
    pub async fn open(
        broker: &Arc<RabbitMq>,
        faults: &Faults,
        story: &Arc<Story>,
        queues: &[&'static str],
    ) -> Result<QueueProxies, String> {
        let mut queue_proxies = QueueProxies {
            broker: broker.clone(),
            topology: Topology::default(),
            kept: Arc::default(),
            tasks: Mutex::default(),
        };
        let mut named = Vec::new();
        for row in QUEUES.iter().filter(|row| queues.contains(&row.name)) {
            let proxied = format!("{}.proxied", row.name);
            queue_proxies.topology.queues.push(QueueSpec::named(&proxied));
            queue_proxies.topology.bindings.push(Binding {
                queue: proxied.clone(),
                exchange: row.exchange.to_owned(),
                pattern: row.binding.to_owned(),
            });
            named.push((row.name, proxied));
        }
        let declared = broker.declare(&queue_proxies.topology).await;
        declared.map_err(|error| format!("the broker: {error}"))?;
        for Binding { exchange, pattern, queue: proxied } in &queue_proxies.topology.bindings {
            let queue = proxied.trim_end_matches(".proxied").to_owned();
            let binding = Binding { queue, exchange: exchange.clone(), pattern: pattern.clone() };
            let unbound = broker.unbind(&binding).await;
            unbound.map_err(|error| format!("the broker: {error}"))?;
        }
        for (queue, proxied) in named {
            let queue_proxy = QueueProxy {
                broker: broker.clone(),
                faults: faults.clone(),
                story: story.clone(),
                queue,
                proxied,
                kept: queue_proxies.kept.clone(),
            };
            queue_proxies
                .tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .spawn(queue_proxy.run());
        }
        Ok(queue_proxies)
    }

    /// How many messages are in the proxies.
    pub async fn waiting(&self) -> usize {
        let names: Vec<&str> = self.topology.queues.iter().map(|spec| &*spec.name).collect();
        let ready = match names.is_empty() {
            true => 0,
            false => self.broker.depths(&names).await.map_or(1, |depths| depths.iter().sum()),
        };
        ready + self.kept.load(Ordering::SeqCst)
    }

    /// Takes the proxy queues away.
    pub async fn end(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        // What is left is told with the queues of the shop.
        self.broker.undeclare(&self.topology).await.ok();
    }
}

impl QueueProxy {
    async fn run(self) {
        let this = Arc::new(self);
        let notify = Notify::default();
        // What waits for the next message, to change places with it.
        let mut held: VecDeque<Message> = VecDeque::new();
        let mut late = JoinSet::new();
        loop {
            let Ok(mut subscription) =
                this.broker.subscribe(&this.proxied, 64, notify.clone()).await
            else {
                sleep(AGAIN_AFTER).await;
                continue;
            };
            loop {
                match subscription.take() {
                    Ok(Some(delivery)) => {
                        this.kept.fetch_add(1, Ordering::SeqCst);
                        this.pass(delivery.message, &mut held, &mut late).await;
                        if subscription.settle(delivery.tag, Settle::Ack).await.is_err() {
                            break;
                        }
                    }
                    Ok(None) => {
                        let waits = this.story.real(REORDER_WAIT_MAX);
                        let woken = timeout(waits, notify.notified()).await;
                        if woken.is_err() {
                            while let Some(message) = held.pop_front() {
                                this.put(message).await;
                            }
                        }
                    }
                    Err(_) => break,
                }
            }
        }
    }

    /// Puts a message into its queue, or holds it back for a while.
    async fn pass(
        self: &Arc<Self>,
        message: Message,
        held: &mut VecDeque<Message>,
        late: &mut JoinSet<()>,
    ) {
        if let Some(first) = held.pop_front() {
            self.put(message).await;
            return self.put(first).await;
        }
        let queue = self.queue;
        // A confirm is lost where its publisher is.
        let fits = |fault: &Fault| {
            fault.kind != FaultKind::ConfirmLost && fault.target.queue() == Some(queue)
        };
        let fault = self.faults.strike(fits);
        let by = fault.as_ref().map_or(Duration::ZERO, |fault| fault.amount);
        match fault.map(|fault| fault.kind) {
            Some(FaultKind::MessageTwice) => {
                self.kept.fetch_add(1, Ordering::SeqCst);
                self.put(message.clone()).await;
                self.put(message).await;
            }
            Some(FaultKind::MessageLate) => {
                let (this, wait) = (self.clone(), self.story.real(by));
                late.spawn(async move {
                    let begun = Instant::now();
                    while begun.elapsed() < wait && !this.faults.injector().is_over() {
                        sleep(TICK).await;
                    }
                    this.put(message).await;
                });
            }
            Some(FaultKind::MessagesReordered) => held.push_back(message),
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
