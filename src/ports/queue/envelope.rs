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
//! Whether a message can be understood is for its consumer to say: nothing is refused here. A property that
//! is there and cannot be read (bytes that are no text, a NUL, a header of another type, a number out of
//! range) is said to be so beside the message, in which its text is spelled out and whose version is 0:
//! published again, no consumer understands it either.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use lapin::BasicProperties;
use lapin::message;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use stormproof_ports::Message;
use stormproof_ports::trace;

use super::fields::SHORT_MAX;
use super::readable::MARK;

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

/// The message, and what of its properties cannot be read, if there is such.
pub(super) fn read(delivery: message::Delivery) -> (Message, Option<String>) {
    let properties = &delivery.properties;
    let text = |text: &Option<ShortString>| text.as_ref().map(|text| storable(text.as_str()));
    let header = |name: &str| properties.headers().as_ref()?.inner().get(name);

    let unreadable = unreadable(&delivery);
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
    let traceparent = header(TRACEPARENT).and_then(words).map(|text| storable(&text));
    let version = header(VERSION).map_or(Some(1), |value| number(value).and_then(small));
    let message = Message {
        traceparent: traceparent.unwrap_or_else(|| trace::parent(&correlation_id, &message_id)),
        message_id,
        correlation_id,
        schema,
        version: version.filter(|_| unreadable.is_none()).unwrap_or(0),
        timestamp: timestamp.unwrap_or(0),
        attempt: header(ATTEMPT).and_then(number).and_then(small).unwrap_or(0),
        exchange: storable(delivery.exchange.as_str()),
        routing_key: storable(delivery.routing_key.as_str()),
        body: delivery.data.into(),
    };
    (message, unreadable)
}

/// What of a message's properties cannot be read, in words.
fn unreadable(delivery: &message::Delivery) -> Option<String> {
    let properties = &delivery.properties;
    let mut all = Vec::new();
    for (what, text) in [
        ("exchange", &Some(delivery.exchange.clone())),
        ("routing key", &Some(delivery.routing_key.clone())),
        ("content_type", properties.content_type()),
        ("content_encoding", properties.content_encoding()),
        ("correlation_id", properties.correlation_id()),
        ("reply_to", properties.reply_to()),
        ("expiration", properties.expiration()),
        ("message_id", properties.message_id()),
        ("type", properties.kind()),
        ("user_id", properties.user_id()),
        ("app_id", properties.app_id()),
    ] {
        if let Some(text) = text.as_ref().filter(|text| text.as_str().contains('\0')) {
            all.push(format!("{what} {}", storable(text.as_str())));
        }
    }
    let seconds = properties.timestamp().map(|at| i64::try_from(at).ok());
    if seconds.is_some_and(|at| at.and_then(|at| at.checked_mul(MICROS)).is_none()) {
        all.push("timestamp out of range".to_owned());
    }
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        let name = name.as_str();
        let is_wrong = match name {
            MARK => words(value).inspect(|words| all.push(words.clone())).is_none(),
            VERSION | ATTEMPT => number(value).and_then(small).is_none(),
            TIMESTAMP_US => number(value).is_none(),
            TRACEPARENT => words(value).is_none_or(|text| text.contains('\0')),
            // The broker's own, in which a routing key may be that was spelled out since.
            "x-death" => false,
            _ => name.contains('\0') || !is_text(value),
        };
        if is_wrong {
            all.push(format!("header {}", storable(name)));
        }
    }
    (!all.is_empty()).then(|| format!("unreadable: {}", all.join(", ")))
}

/// Whether all that is meant to be text in it is.
fn is_text(value: &AMQPValue) -> bool {
    match value {
        AMQPValue::LongString(_) | AMQPValue::ShortString(_) => {
            words(value).is_some_and(|text| !text.contains('\0'))
        }
        AMQPValue::FieldArray(values) => values.as_slice().iter().all(is_text),
        AMQPValue::FieldTable(rows) => {
            let mut rows = rows.inner().iter();
            rows.all(|(name, value)| !name.as_str().contains('\0') && is_text(value))
        }
        _ => true,
    }
}

/// Text with its NULs spelled out, as far as a short string holds it: no database stores one.
fn storable(text: &str) -> String {
    if !text.contains('\0') {
        return text.to_owned();
    }
    let mut spelled = text.replace('\0', "\\0");
    while spelled.len() > SHORT_MAX {
        spelled.pop();
    }
    spelled
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

fn small(value: i64) -> Option<u32> {
    u32::try_from(value).ok()
}
