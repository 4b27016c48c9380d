//! `stormproof asyncapi`: every message of the shop as an AsyncAPI 3.0 document.
//!
//! Made of the tables that the broker's topology is declared from (`system/src/messages.rs`) and of
//! the payloads' own types. A queue is a channel that its owner receives from; an exchange is a
//! channel that messages are sent to.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use stormproof_system::messages::{
    DEAD, DELIVERY_LIMIT, EXCHANGES, PAYLOADS, PayloadRow, QUEUES, QueueRow, RETRIES,
};

use super::openapi::generator;
use crate::terminal::print;

/// Prints the document.
///
/// # Errors
/// If it cannot be written.
pub fn run() -> Result<ExitCode, String> {
    print(&format!("{:#}", document())).map(|()| ExitCode::SUCCESS)
}

/// The document.
pub fn document() -> Value {
    let mut generator = generator();
    let mut messages = Map::new();
    for row in PAYLOADS {
        let payload = (row.shape)(&mut generator);
        messages.insert(row.schema.to_owned(), message(&row, payload.to_value()));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stormproof: messages",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "Bodies are JSON; the envelope travels as AMQP 0-9-1 properties. A message of \
                 another schema or major version, or one that cannot be read, is dead-lettered at \
                 once. Every queue is a quorum queue with a delivery limit of {DELIVERY_LIMIT}, has \
                 its dead letters in `<name>{DEAD}`, and puts messages off in {}.",
                RETRIES.map(|retry| format!("`<name>{}`", retry.suffix)).join(" and "),
            ),
        },
        "defaultContentType": "application/json",
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages,
            "schemas": generator.take_definitions(true),
        },
    })
}

/// The messages that a binding lets through: `#` stands for whatever words follow.
pub fn carried(queue: &QueueRow) -> impl Iterator<Item = PayloadRow> {
    let words = queue.binding.strip_suffix(".#").unwrap_or(queue.binding);
    PAYLOADS.into_iter().filter(move |row| row.schema == words && row.exchange == queue.exchange)
}

fn message(row: &PayloadRow, payload: Value) -> Value {
    json!({
        "name": row.schema,
        "contentType": "application/json",
        "payload": payload,
        "correlationId": {
            "description": "The order's id.",
            "location": "$message.header#/correlation_id",
        },
        "headers": {
            "type": "object",
            "required": [
                "message_id", "correlation_id", "schema", "version", "traceparent", "timestamp",
            ],
            "properties": {
                "message_id": {
                    "type": "string",
                    "description": "Kept by redelivery, retry and replay: what came twice has its \
                        effect once.",
                },
                "correlation_id": { "type": "string" },
                "schema": { "const": row.schema },
                "version": { "const": row.version },
                "traceparent": { "type": "string", "description": "W3C trace context." },
                "timestamp": { "type": "integer", "description": "Microseconds since the epoch." },
                "attempt": { "type": "integer", "description": "How often it was put off." },
            },
        },
    })
}

fn channels() -> Map<String, Value> {
    let mut channels = Map::new();
    for exchange in EXCHANGES {
        let sent = PAYLOADS.into_iter().filter(|row| row.exchange == exchange);
        channels.insert(
            exchange.to_owned(),
            json!({
                "address": exchange,
                "messages": references("#/components/messages", sent),
                "bindings": { "amqp": {
                    "is": "routingKey",
                    "exchange": { "name": exchange, "type": "topic", "durable": true },
                } },
            }),
        );
    }
    for queue in &QUEUES {
        channels.insert(
            queue.name.to_owned(),
            json!({
                "address": queue.name,
                "description": format!("Bound to {} with `{}`.", queue.exchange, queue.binding),
                "messages": references("#/components/messages", carried(queue)),
                "bindings": { "amqp": {
                    "is": "queue",
                    "queue": { "name": queue.name, "durable": true, "exclusive": false },
                } },
            }),
        );
    }
    channels
}

fn operations() -> Map<String, Value> {
    let mut operations = Map::new();
    for row in PAYLOADS {
        let channel = row.exchange;
        operations.insert(
            format!("send {}", row.schema),
            json!({
                "action": "send",
                "channel": { "$ref": format!("#/channels/{channel}") },
                "messages": [{ "$ref": format!("#/channels/{channel}/messages/{}", row.schema) }],
            }),
        );
    }
    for queue in &QUEUES {
        let messages: Vec<Value> = carried(queue)
            .map(|row| {
                json!({ "$ref": format!("#/channels/{}/messages/{}", queue.name, row.schema) })
            })
            .collect();
        operations.insert(
            format!("receive from {}", queue.name),
            json!({
                "action": "receive",
                "summary": format!("By the service {}.", queue.owner),
                "channel": { "$ref": format!("#/channels/{}", queue.name) },
                "messages": messages,
            }),
        );
    }
    operations
}

fn references(place: &str, rows: impl Iterator<Item = PayloadRow>) -> Map<String, Value> {
    let reference = |row: PayloadRow| {
        (row.schema.to_owned(), json!({ "$ref": format!("{place}/{}", row.schema) }))
    };
    rows.map(reference).collect()
}
