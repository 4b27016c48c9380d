//! A message's properties, as far as they are carried.

use crate::Message;

/// AMQP's basic properties under lapin's names, and the three headers that are carried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasicProperties {
    pub(super) message_id: Option<String>,
    correlation_id: String,
    kind: String,
    pub(super) timestamp: Option<i64>,
    version: Option<u32>,
    pub(super) traceparent: Option<String>,
    attempt: u32,
}

impl BasicProperties {
    /// The id by which a repeat is recognised; without one a fresh one is drawn.
    #[must_use]
    pub fn with_message_id(self, id: impl Into<String>) -> BasicProperties {
        BasicProperties { message_id: Some(id.into()), ..self }
    }

    /// What the message belongs to, such as the id of an aggregate.
    #[must_use]
    pub fn with_correlation_id(self, id: impl Into<String>) -> BasicProperties {
        BasicProperties { correlation_id: id.into(), ..self }
    }

    /// The schema, such as `invoice.sent`: faults aim at it, stories and traces show it.
    #[must_use]
    pub fn with_type(self, schema: impl Into<String>) -> BasicProperties {
        BasicProperties { kind: schema.into(), ..self }
    }

    /// Whole seconds since the epoch, as lapin has them; without it the publisher's clock is asked.
    #[must_use]
    pub fn with_timestamp(self, seconds: u64) -> BasicProperties {
        let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        BasicProperties { timestamp: Some(micros), ..self }
    }

    /// Header `version`: the schema's major version; 1 without it.
    #[must_use]
    pub fn with_version(self, version: u32) -> BasicProperties {
        BasicProperties { version: Some(version), ..self }
    }

    /// Header `traceparent`: W3C trace context; without it drawn from the two ids.
    #[must_use]
    pub fn with_traceparent(self, parent: impl Into<String>) -> BasicProperties {
        BasicProperties { traceparent: Some(parent.into()), ..self }
    }

    /// Header `attempt`: how often consumers have put it off; 0 without it.
    #[must_use]
    pub fn with_attempt(self, attempt: u32) -> BasicProperties {
        BasicProperties { attempt, ..self }
    }

    /// The message id; of a delivery, never `None`.
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// The correlation id; empty if there is none.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The schema; empty if there is none.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Seconds since the epoch, if it is told and not before 1970.
    pub fn timestamp(&self) -> Option<u64> {
        u64::try_from(self.timestamp?.div_euclid(1_000_000)).ok()
    }

    /// The schema's major version.
    pub fn version(&self) -> u32 {
        self.version.unwrap_or(1)
    }

    /// W3C trace context.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// How often consumers have put it off.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(super) fn of(message: &Message) -> BasicProperties {
        BasicProperties {
            message_id: Some(message.message_id.clone()),
            correlation_id: message.correlation_id.clone(),
            kind: message.schema.clone(),
            timestamp: Some(message.timestamp),
            version: Some(message.version),
            traceparent: Some(message.traceparent.clone()),
            attempt: message.attempt,
        }
    }
}
