//! A connection to the broker: what travels on it, and the client's end.

use std::collections::VecDeque;
use std::sync::Mutex;

use futures::channel::oneshot;
use stormproof_broker::{ConnectionId, Delivered};
use stormproof_ports::notify::Notify;
use stormproof_ports::{Delivery, Message, Settle};

use crate::history::Kind as Event;
use crate::node::Life;
use crate::{World, lock};

/// What arrives at the other end of a connection.
pub(crate) enum Arrival {
    Publish(Box<Message>, oneshot::Sender<Confirm>),
    Settle(u64, Settle),
    /// The client has closed the connection, or its silence has lasted too long.
    Close,
    Deliver(Delivered),
    Confirm(oneshot::Sender<Confirm>, Confirm),
}

impl Arrival {
    pub(crate) fn is_for_broker(&self) -> bool {
        matches!(self, Arrival::Publish(..) | Arrival::Settle(..) | Arrival::Close)
    }
}

/// What the broker says of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirm {
    Ack,
    /// No queue is bound to its routing key.
    Returned,
    /// A queue is full.
    Nack,
}

/// The client's end of a connection.
pub(crate) struct Channel {
    pub(crate) id: ConnectionId,
    pub(crate) life: Life,
    pub(crate) notify: Option<Notify>,
    pub(crate) inbox: Mutex<Inbox>,
}

#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) deliveries: VecDeque<Delivery>,
    lost: bool,
}

impl Channel {
    pub(crate) fn is_lost(&self) -> bool {
        lock(&self.inbox).lost
    }

    pub(crate) fn take(&self) -> Option<Delivery> {
        lock(&self.inbox).deliveries.pop_front()
    }

    pub(crate) fn lose(&self) {
        let mut inbox = lock(&self.inbox);
        inbox.lost = true;
        inbox.deliveries.clear();
        drop(inbox);
        if let Some(notify) = &self.notify {
            notify.notify_one();
        }
    }

    /// A message reaches its consumer, if there still is one.
    pub(crate) fn deliver(&self, world: &World, delivered: Delivered) {
        if !world.0.nodes.is_alive(self.life) {
            return;
        }
        let Delivered { tag, redelivered, message, .. } = delivered;
        let (at, node) = (world.elapsed(), self.life.node);
        let again = if redelivered { "again" } else { "" };
        let parts = [message.schema.as_str(), message.message_id.as_str(), again];
        world.0.history.record(at, node, Event::Deliver, &message.correlation_id, &parts);
        let delivery = Delivery { tag, redelivered, message: Message::clone(&message) };
        lock(&self.inbox).deliveries.push_back(delivery);
        if let Some(notify) = &self.notify {
            notify.notify_one();
        }
    }
}
