//! Declaring exchanges, queues and bindings at RabbitMQ.
//!
//! All queues are quorum queues. Dead letters travel at least once: a message leaves its queue only
//! when the dead-letter queue has it, which RabbitMQ ties to `reject-publish` as overflow behaviour.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ErrorKind, ExchangeKind};
use stormproof_broker::QueueSpec;
use stormproof_ports::QueueLost;
use stormproof_ports::topology::{Binding, Topology};
use tokio::time::timeout;

use super::answer::{ANSWER_TIMEOUT, no_answer};
use super::connection::KeptConnection;

/// Why the broker does not have what was to be declared.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeclareError {
    /// Somebody declared it differently: an older version, or another application.
    #[error(
        "{what} exists, but with other properties; delete it, or rename it by a policy of your \
         own, and declare again ({answer})"
    )]
    Different {
        /// Which queue, exchange or binding.
        what: String,
        /// The broker's words.
        answer: String,
    },
    /// The broker does not take it: a name, a right, a limit.
    #[error("{what} cannot be declared: {answer}")]
    Refused {
        /// Which queue, exchange or binding.
        what: String,
        /// The broker's words.
        answer: String,
    },
    /// No connection, or no answer in time: trying again may help.
    #[error(transparent)]
    Lost(#[from] QueueLost),
}

pub(super) async fn declare(
    kept: &KeptConnection,
    topology: &Topology,
) -> Result<(), DeclareError> {
    let connection = timeout(ANSWER_TIMEOUT, kept.up()).await.map_err(|_| {
        QueueLost(kept.trouble().unwrap_or_else(|| "no connection in time".to_owned()))
    })??;
    let channel = connection.create_channel().await.map_err(|error| failed("a channel", &error))?;
    for exchange in &topology.exchanges {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let none = FieldTable::default();
        let what = format!("exchange {exchange}");
        let name = short(&what, exchange)?;
        let declared = channel.exchange_declare(name, ExchangeKind::Topic, options, none);
        answered(what, declared).await?;
    }
    for queue in &topology.queues {
        declare_queue(&channel, queue).await?;
    }
    for Binding { queue, exchange, pattern } in &topology.bindings {
        let what = format!("binding of {queue} to {exchange} by {pattern}");
        let (queue, exchange) = (short(&what, queue)?, short(&what, exchange)?);
        let (pattern, options) = (short(&what, pattern)?, QueueBindOptions::default());
        let bound = channel.queue_bind(queue, exchange, pattern, options, FieldTable::default());
        answered(what, bound).await?;
    }
    Ok(())
}

async fn declare_queue(channel: &Channel, spec: &QueueSpec) -> Result<(), DeclareError> {
    let what = format!("queue {}", spec.name);
    let (name, options) = (short(&what, &spec.name)?, QueueDeclareOptions::durable());
    answered(what, channel.queue_declare(name, options, arguments(spec))).await.map(drop)
}

/// A specification as RabbitMQ's arguments.
fn arguments(spec: &QueueSpec) -> FieldTable {
    let mut table = FieldTable::default();
    let mut text = |name: &str, value: &str| {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    text("x-queue-type", "quorum");
    if let Some(target) = &spec.dead_letter {
        text("x-dead-letter-exchange", &target.exchange);
        text("x-dead-letter-routing-key", &target.routing_key);
        text("x-dead-letter-strategy", "at-least-once");
    }
    if spec.dead_letter.is_some() || spec.max_length.is_some() {
        text("x-overflow", "reject-publish");
    }
    let mut number = |name: &str, value: i64| {
        table.insert(name.into(), AMQPValue::LongLongInt(value));
    };
    if let Some(limit) = spec.delivery_limit {
        number("x-delivery-limit", limit.into());
    }
    if let Some(ttl) = spec.message_ttl {
        number("x-message-ttl", i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    }
    if let Some(most) = spec.max_length {
        number("x-max-length", i64::try_from(most).unwrap_or(i64::MAX));
    }
    table
}

async fn answered<T>(
    what: String,
    asked: impl Future<Output = lapin::Result<T>>,
) -> Result<T, DeclareError> {
    let answer = timeout(ANSWER_TIMEOUT, asked).await.map_err(|_| no_answer())?;
    answer.map_err(|error| failed(&what, &error))
}

fn failed(what: &str, error: &lapin::Error) -> DeclareError {
    let (what, answer) = (what.to_owned(), error.to_string());
    match error.kind() {
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
                DeclareError::Different { what, answer }
            }
            _ => DeclareError::Refused { what, answer },
        },
        _ => QueueLost(answer).into(),
    }
}

fn short(what: &str, text: &str) -> Result<ShortString, DeclareError> {
    ShortString::try_new(text)
        .map_err(|error| DeclareError::Refused { what: what.to_owned(), answer: error.to_string() })
}
