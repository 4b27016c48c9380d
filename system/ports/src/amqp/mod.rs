//! The queue port in lapin's words, for code that was written for lapin: a [`Channel`] with
//! `basic_publish` and `basic_consume`, a [`Consumer`] that is a stream of [`Delivery`].
//!
//! What is the same and what is not:
//!
//! | lapin | here |
//! |---|---|
//! | `Connection::connect`, `create_channel` | [`Channel::new`]; connections are the binding's, and come back by themselves |
//! | `confirm_select` | always on; `basic_publish` itself waits for the confirm, and its errors are told there |
//! | `BasicPublishOptions { mandatory, immediate }` | always mandatory: what no queue takes is [`AmqpError::Returned`]; never immediate |
//! | `delivery_mode` | always 2, persistent |
//! | `content_type` | always `application/json` |
//! | headers | `version`, `traceparent` and `attempt`; others are not carried |
//! | properties that are no UTF-8 cost the connection | they are spelled out, and `version` is 0 |
//! | `basic_qos(n, …)` | holds for consumers that are made later; 0, no limit, is refused |
//! | `BasicConsumeOptions` | never `no_ack`, `exclusive` or `no_local`; tags are the binding's |
//! | `ack` | one delivery; `multiple` is refused |
//! | `reject`, `nack` | one delivery, which is dead-lettered; `requeue` and `multiple` are refused |
//! | requeue | drop the consumer and its deliveries: what was not settled goes back |
//! | `basic_get`, `basic_cancel`, transactions, `exchange_declare`, `queue_declare` | not here: declare a topology where the host starts |
//!
//! Refused is [`AmqpError::Unsupported`], at once and before anything is sent.
//!
//! A message that must be sent if and only if a transaction commits is no matter of a channel: it
//! is written to an outbox by that transaction.
//!
//! ```
//! # use futures::{FutureExt as _, StreamExt as _};
//! use stormproof_ports::amqp::{AmqpError, BasicAckOptions, BasicProperties, Channel};
//!
//! async fn answer(channel: &Channel) -> Result<(), AmqpError> {
//!     let mut consumer = channel
//!         .basic_consume("invoice.queue", "", Default::default(), Default::default())
//!         .await?;
//!     while let Some(delivery) = consumer.next().await {
//!         let delivery = delivery?;
//!         let properties = BasicProperties::default()
//!             .with_type("invoice.sent")
//!             .with_correlation_id(delivery.properties.correlation_id());
//!         channel
//!             .basic_publish("invoices", "sent", Default::default(), &delivery.data, properties)
//!             .await?
//!             .await?;
//!         delivery.ack(BasicAckOptions::default()).await?;
//!     }
//!     Ok(())
//! }
//! ```

mod channel;
mod consumer;
mod options;
mod properties;

use crate::{PublishError, QueueLost};

pub use channel::{Channel, Confirmation, PublisherConfirm};
pub use consumer::{Consumer, Delivery};
pub use options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    BasicRejectOptions, FieldTable,
};
pub use properties::BasicProperties;

/// What a channel could not do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AmqpError {
    /// The broker took it but no queue is bound to its routing key: nobody will get it.
    #[error("returned: no queue is bound to {0}")]
    Returned(String),
    /// A publish was not confirmed: it may be in the queue or not. Publish it again under the same
    /// message id.
    #[error("no confirm: {0}")]
    Unknown(String),
    /// The consumer is at its end, or there is none: what was not acknowledged comes again.
    #[error("broker connection lost: {0}")]
    Lost(String),
    /// The port does not know this: nothing was done.
    #[error("not supported by the queue port: {0}")]
    Unsupported(&'static str),
}

impl From<PublishError> for AmqpError {
    fn from(error: PublishError) -> AmqpError {
        match error {
            PublishError::Returned(key) => AmqpError::Returned(key),
            PublishError::Unknown(why) => AmqpError::Unknown(why),
        }
    }
}

impl From<QueueLost> for AmqpError {
    fn from(QueueLost(why): QueueLost) -> AmqpError {
        AmqpError::Lost(why)
    }
}
