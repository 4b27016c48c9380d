//! A client of the embedded broker: the queue port of a replica.

use futures::future::BoxFuture;
use stormproof_ports::delivery_buffer::DeliveryBuffer;
use stormproof_ports::notify::Notify;
use stormproof_ports::{Delivery, Message, PublishError, Queue, QueueLost, Settle, Subscription};
use tokio::sync::{mpsc, oneshot};

use super::actor::{ActorCommand, SubscriberId, stopped};

pub(super) struct Client {
    name: String,
    commands: mpsc::UnboundedSender<ActorCommand>,
}

impl Client {
    pub(super) fn new(name: &str, commands: mpsc::UnboundedSender<ActorCommand>) -> Client {
        Client { name: name.to_owned(), commands }
    }
}

impl Queue for Client {
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async move {
            let (outcome, told) = oneshot::channel();
            let unknown = |QueueLost(why)| PublishError::Unknown(why);
            let publish = ActorCommand::Publish { message: Box::new(message), outcome };
            self.commands.send(publish).map_err(|_| unknown(stopped()))?;
            told.await.map_err(|_| unknown(stopped()))?
        })
    }

    fn subscribe<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        notify: Notify,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>> {
        Box::pin(async move {
            let buffer = DeliveryBuffer::new(notify);
            let (answer, answered) = oneshot::channel();
            let client = self.name.clone();
            let queue = queue.to_owned();
            let subscribe =
                ActorCommand::Subscribe { client, queue, prefetch, buffer: buffer.clone(), answer };
            self.commands.send(subscribe).map_err(|_| stopped())?;
            let subscriber = answered.await.map_err(|_| stopped())??;
            Ok(Box::new(EmbeddedSubscription {
                subscriber,
                buffer,
                commands: self.commands.clone(),
            }) as _)
        })
    }
}

struct EmbeddedSubscription {
    subscriber: SubscriberId,
    buffer: DeliveryBuffer,
    commands: mpsc::UnboundedSender<ActorCommand>,
}

impl Subscription for EmbeddedSubscription {
    fn take(&mut self) -> Result<Option<Delivery>, QueueLost> {
        self.buffer.take()
    }

    fn settle(&mut self, tag: u64, how: Settle) -> BoxFuture<'_, Result<(), QueueLost>> {
        Box::pin(async move {
            self.buffer.check()?;
            let settle = ActorCommand::Settle { subscriber: self.subscriber, tag, how };
            self.commands.send(settle).map_err(|_| stopped())
        })
    }
}

impl Drop for EmbeddedSubscription {
    fn drop(&mut self) {
        // An error says that the broker is gone, and with it every subscription.
        self.commands.send(ActorCommand::Unsubscribe { subscriber: self.subscriber }).ok();
    }
}
