//! Dead letters of the embedded broker, for its operator.

use std::sync::Arc;

use futures::future::BoxFuture;
use stormproof_broker::{Broker, Queue, Stored};
use stormproof_ports::time::Time;
use stormproof_ports::{Message, QueueLost};
use tokio::sync::oneshot;

use super::actor::{ActorCommand, stopped};
use super::broker::EmbeddedBroker;
use crate::dead_letters::{DeadLetters, DeadMessage};

impl DeadLetters for EmbeddedBroker {
    fn list(&self) -> BoxFuture<'_, Result<Vec<DeadMessage>, QueueLost>> {
        let known = self.dead_letters.clone();
        Box::pin(self.operate(move |broker, _| {
            let dead = broker.queues().filter(|queue| known.original(queue.name()).is_some());
            dead.flat_map(|queue| queue.ready().map(|stored| dead_message(queue, stored))).collect()
        }))
    }

    fn show<'a>(
        &'a self,
        queue: &'a str,
        message_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<DeadMessage>, QueueLost>> {
        let (queue, message_id) = (queue.to_owned(), message_id.to_owned());
        Box::pin(self.operate(move |broker, _| {
            let queue = broker.queue(&queue).ok()?;
            let mut ready = queue.ready();
            let found = ready.find(|stored| stored.message.message_id == message_id)?;
            Some(dead_message(queue, found))
        }))
    }

    fn replay<'a>(
        &'a self,
        queue: &'a str,
        message_id: &'a str,
    ) -> BoxFuture<'a, Result<bool, QueueLost>> {
        let (queue, message_id) = (queue.to_owned(), message_id.to_owned());
        let known = self.dead_letters.clone();
        Box::pin(self.operate(move |broker, now| {
            let Some(original) = known.original(&queue) else { return false };
            if broker.queue(original).is_err() {
                return false;
            }
            // Both halves are one commit of the journal.
            let Ok(Some(stored)) = broker.remove(&queue, &message_id) else { return false };
            let message = Message {
                exchange: String::new(),
                routing_key: original.to_owned(),
                attempt: 0,
                ..Arc::unwrap_or_clone(stored.message)
            };
            broker.enqueue_copy(original, message, now).expect("it was looked up");
            true
        }))
    }
}

impl EmbeddedBroker {
    /// Does something to the model; the answer comes when it is on disk.
    async fn operate<T: Send + 'static>(
        &self,
        operate: impl FnOnce(&mut Broker, Time) -> T + Send + 'static,
    ) -> Result<T, QueueLost> {
        let (answer, answered) = oneshot::channel();
        let operate = ActorCommand::Operate(Box::new(move |broker, now| {
            let result = operate(broker, now);
            Box::new(move || drop(answer.send(result)))
        }));
        self.commands.send(operate).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }
}

fn dead_message(queue: &Queue, stored: &Stored) -> DeadMessage {
    DeadMessage {
        queue: queue.name().to_owned(),
        message: Message::clone(&stored.message),
        deaths: stored.deaths.clone(),
    }
}
