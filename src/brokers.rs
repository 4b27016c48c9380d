//! The shop's broker: RabbitMQ where the configuration says it is, or the embedded one in a file. Both
//! are given the shop's exchanges and queues, and know where its dead letters lie.

use std::path::Path;

use stormproof_bindings::dead_letters::DeadLetterQueues;
use stormproof_bindings::embedded_queue::{EmbeddedBroker, JournalError};
use stormproof_bindings::queue::RabbitMq;
use stormproof_system::messages::DEAD;
use stormproof_system::topology;

use crate::config::Config;

/// What the shop calls itself at a broker.
const APPLICATION: &str = "stormproof";

/// Where the shop's dead letters lie.
pub fn dead_letter_queues() -> DeadLetterQueues {
    DeadLetterQueues::by_suffix(&topology::of_shop(), DEAD)
}

/// RabbitMQ, from here on connecting by itself. Nothing is declared.
///
/// # Errors
/// If its address is none. The message does not repeat it, for it may hold a password.
pub fn rabbit(config: &Config) -> Result<RabbitMq, String> {
    let broker = RabbitMq::open(config.broker.url.reveal(), APPLICATION).map_err(
        |_| "broker.url: expected amqp://user:password@host:5672/vhost (%2f for the vhost /)",
    )?;
    Ok(broker.under(&config.broker.prefix).with_dead_letters(dead_letter_queues()))
}

/// The embedded broker with the shop's queues, whose journal is at `path`.
///
/// # Errors
/// As [`EmbeddedBroker::open`].
pub async fn embedded(path: &Path) -> Result<EmbeddedBroker, JournalError> {
    let broker = EmbeddedBroker::open(path, topology::of_shop()).await?;
    Ok(broker.with_dead_letters(dead_letter_queues()))
}
