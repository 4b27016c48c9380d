//! What travels in a message's body, and its envelope.
//!
//! A payload is JSON in the body of a [`Message`]; the envelope travels as AMQP properties. A
//! message of another schema or major version, or one that cannot be read, is poison.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stormproof_ports::{Message, trace};

/// What travels in a body.
pub trait Payload: Serialize + DeserializeOwned {
    /// The schema's name, such as `job.begin`.
    const SCHEMA: &'static str;
    /// Major version: another one is not understood.
    const VERSION: u32;
    /// The exchange that it is published to.
    const EXCHANGE: &'static str;

    /// The routing key that it is published with: the schema's name, unless said otherwise.
    fn routing_key(&self) -> String {
        Self::SCHEMA.to_owned()
    }

    /// What it belongs to: the message's correlation id.
    fn subject(&self) -> &str;
}

/// A message that does not hold the payload that was expected. It never will: it is poison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undecodable(pub String);

/// Puts `payload` into an envelope; `timestamp` is in microseconds since the epoch.
pub fn encode<P: Payload>(payload: &P, message_id: String, timestamp: i64) -> Message {
    let subject = payload.subject().to_owned();
    Message {
        exchange: P::EXCHANGE.to_owned(),
        routing_key: payload.routing_key(),
        traceparent: trace::parent(&subject, &message_id),
        message_id,
        correlation_id: subject,
        schema: P::SCHEMA.to_owned(),
        version: P::VERSION,
        timestamp,
        attempt: 0,
        body: Bytes::from(serde_json::to_vec(payload).expect("payloads have string keys only")),
    }
}

/// Takes a payload out of its envelope.
///
/// # Errors
/// If the message has another schema or version, or its body cannot be read: for good.
pub fn decode<P: Payload>(message: &Message) -> Result<P, Undecodable> {
    if message.schema != P::SCHEMA || message.version != P::VERSION {
        return Err(Undecodable(format!(
            "message {} version {}: expected {} version {}",
            message.schema,
            message.version,
            P::SCHEMA,
            P::VERSION
        )));
    }
    if holds_nul(&message.body) {
        let words = "a text in it holds a NUL, which no database stores";
        return Err(Undecodable(format!("{} cannot be read: {words}", P::SCHEMA)));
    }
    serde_json::from_slice(&message.body)
        .map_err(|error| Undecodable(format!("{} cannot be read: {error}", P::SCHEMA)))
}

/// Whether a text in `json` holds a NUL, which JSON writes as `\u0000` alone.
pub fn holds_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = &rest[at..];
        if rest.starts_with(b"\\u0000") {
            return true;
        }
        // What is escaped is no beginning of an escape.
        rest = rest.get(2..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_told_from_what_looks_like_one() {
        for (text, holds) in [
            ("\0", true),
            ("a\\\0", true),
            ("\\u0000", false),
            ("\\\\u0000", false),
            ("\u{1}", false),
            ("\\", false),
        ] {
            let json = serde_json::to_vec(text).expect("a text is JSON");
            assert_eq!(holds_nul(&json), holds, "{text:?}");
        }
        assert!(!holds_nul(b"\\"));
    }
}
