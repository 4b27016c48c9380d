//! A message as AMQP's basic properties and body, both ways.
//!
//! | message | AMQP | if a foreign publisher leaves it out |
//! |---|---|---|
//! | body | body, `content_type` application/json, `delivery_mode` 2 | |
//! | message id | `message_id` | drawn from the content, so that a redelivery has the same |
//! | correlation id | `correlation_id` | empty |
//! | schema | `type` | empty, which no consumer understands |
//! | version | header `version` | 1; one that is no number is 0, which no consumer understands |
//! | traceparent | header `traceparent` | drawn from correlation id and message id |
//! | timestamp, µs | `timestamp` in seconds, header `timestamp_us` | as far as it is told, else 0 |
//! | attempt | header `attempt` | 0 |
//!
//! Whether a message can be understood is for its consumer to say: nothing is refused here.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use lapin::BasicProperties;
use lapin::message;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use stormproof_ports::Message;
use stormproof_ports::trace;

const VERSION: &str = "version";
const TRACEPARENT: &str = "traceparent";
const TIMESTAMP_US: &str = "timestamp_us";
const ATTEMPT: &str = "attempt";

const PERSISTENT: u8 = 2;
const MICROS: i64 = 1_000_000;

/// Exchange, routing key and properties. Errors: a name longer than AMQP's 255 bytes.
pub(super) fn write(
    message: &Message,
) -> Result<(ShortString, ShortString, BasicProperties), std::io::Error> {
    let short = |text: &str| {
        ShortString::try_new(text)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
    };
    let mut headers = FieldTable::default();
    headers.insert(VERSION.into(), AMQPValue::LongLongInt(message.version.into()));
    headers.insert(TRACEPARENT.into(), AMQPValue::LongString(message.traceparent.clone().into()));
    headers.insert(TIMESTAMP_US.into(), AMQPValue::LongLongInt(message.timestamp));
    headers.insert(ATTEMPT.into(), AMQPValue::LongLongInt(message.attempt.into()));
    let mut properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&message.message_id)?)
        .with_correlation_id(short(&message.correlation_id)?)
        .with_type(short(&message.schema)?)
        .with_headers(headers);
    // AMQP knows no time before 1970.
    if let Ok(seconds) = u64::try_from(message.timestamp.div_euclid(MICROS)) {
        properties = properties.with_timestamp(seconds);
    }
    Ok((short(&message.exchange)?, short(&message.routing_key)?, properties))
}

pub(super) fn read(delivery: message::Delivery) -> Message {
    let properties = &delivery.properties;
    let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string);
    let header = |name: &str| properties.headers().as_ref()?.inner().get(name);

    let schema = text(properties.kind()).unwrap_or_default();
    let correlation_id = text(properties.correlation_id()).unwrap_or_default();
    let message_id = text(properties.message_id()).filter(|id| !id.is_empty());
    let message_id = message_id.unwrap_or_else(|| {
        drawn_id(&[schema.as_bytes(), correlation_id.as_bytes(), &delivery.data])
    });
    let seconds = || properties.timestamp().and_then(|seconds| i64::try_from(seconds).ok());
    let timestamp = header(TIMESTAMP_US)
        .and_then(number)
        .or_else(|| seconds().map(|seconds| seconds.saturating_mul(MICROS)));
    let traceparent = header(TRACEPARENT).and_then(words);
    Message {
        traceparent: traceparent.unwrap_or_else(|| trace::parent(&correlation_id, &message_id)),
        message_id,
        correlation_id,
        schema,
        version: header(VERSION).map_or(1, |value| number(value).map_or(0, clamped)),
        timestamp: timestamp.unwrap_or(0),
        attempt: header(ATTEMPT).and_then(number).map_or(0, clamped),
        exchange: delivery.exchange.to_string(),
        routing_key: delivery.routing_key.to_string(),
        body: delivery.data.into(),
    }
}

/// An id for a message without one. Equal messages get equal ids and count as one; a true repeat is
/// more likely than two that say the same and mean different things.
fn drawn_id(content: &[&[u8]]) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, content).hash(&mut hasher);
        hasher.finish()
    };
    format!("unnamed-{:016x}{:016x}", half(0), half(1))
}

/// A whole number, however the publisher's library wrote it.
pub(super) fn number(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::ShortShortInt(value) => Some((*value).into()),
        AMQPValue::ShortShortUInt(value) => Some((*value).into()),
        AMQPValue::ShortInt(value) => Some((*value).into()),
        AMQPValue::ShortUInt(value) => Some((*value).into()),
        AMQPValue::LongInt(value) => Some((*value).into()),
        AMQPValue::LongUInt(value) => Some((*value).into()),
        AMQPValue::LongLongInt(value) => Some(*value),
        AMQPValue::Timestamp(value) => i64::try_from(*value).ok(),
        value => words(value)?.trim().parse().ok(),
    }
}

pub(super) fn words(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(value) => String::from_utf8(value.as_bytes().to_vec()).ok(),
        AMQPValue::ShortString(value) => Some(value.to_string()),
        _ => None,
    }
}

fn clamped(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}
