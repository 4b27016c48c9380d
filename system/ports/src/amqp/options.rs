//! lapin's options, as far as there is a choice.

use super::AmqpError;

/// Nothing to choose: every publish is mandatory.
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicPublishOptions {}

/// Nothing to choose: every delivery is acknowledged by its consumer.
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicConsumeOptions {}

/// Nothing to choose: limits are a consumer's.
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicQosOptions {}

/// A consumer's arguments: there are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldTable {}

/// How to acknowledge.
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicAckOptions {
    /// All up to this one; refused.
    pub multiple: bool,
}

/// How to reject.
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicRejectOptions {
    /// Back into the queue instead of to the dead letters; refused.
    pub requeue: bool,
}

/// How to reject.
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicNackOptions {
    /// All up to this one; refused.
    pub multiple: bool,
    /// Back into the queue instead of to the dead letters; refused.
    pub requeue: bool,
}

impl BasicNackOptions {
    /// # Errors
    /// [`AmqpError::Unsupported`] for what the port does not know.
    pub(super) fn check(self) -> Result<(), AmqpError> {
        BasicAckOptions { multiple: self.multiple }.check()?;
        match self.requeue {
            true => Err(AmqpError::Unsupported("requeue: drop the consumer and its deliveries")),
            false => Ok(()),
        }
    }
}

impl BasicAckOptions {
    /// # Errors
    /// [`AmqpError::Unsupported`] for what the port does not know.
    pub(super) fn check(self) -> Result<(), AmqpError> {
        match self.multiple {
            true => Err(AmqpError::Unsupported("multiple: settle each delivery")),
            false => Ok(()),
        }
    }
}
