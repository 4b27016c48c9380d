//! A connection to the broker: what travels on it, and the client's end.

use futures::channel::oneshot;
use stormproof_broker::{ConnectionId, Delivered};
use stormproof_ports::delivery_buffer::DeliveryBuffer;
use stormproof_ports::{Delivery, Message, Settle};

use crate::World;
use crate::history::Kind as Event;
use crate::node::Life;

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
    /// Nobody takes from that of a connection which only publishes.
    pub(crate) buffer: DeliveryBuffer,
}

impl Channel {
    pub(crate) fn is_lost(&self) -> bool {
        self.buffer.check().is_err()
    }

    pub(crate) fn lose(&self) {
        self.buffer.lose("the connection was lost");
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
        let message = Message::clone(&message);
        self.buffer.push(Delivery { tag, redelivered, message, unreadable: None });
    }
}
