//! Bytes of somebody else's: Python's pika publishes what our consumers take, and reads what we
//! publish.
//!
//! What makes sure that there is a pika: `tests/servers/python.rs`.

use std::ffi::OsStr;
use std::time::Duration;

use serde_json::{Value, json};
use stormproof_bindings::dead_letters::{DeadLetterQueues, DeadLetters as _};
use stormproof_bindings::queue::RabbitMq;
use stormproof_broker::{DeadLetter, QueueSpec};
use stormproof_messaging::retries::DEAD_DELIVERY_LIMIT;
use stormproof_ports::notify::Notify;
use stormproof_ports::topology::Topology;
use stormproof_ports::trace;
use stormproof_ports::{Delivery, Message, Queue as _, Settle};
use stormproof_system::id::OrderId;
use stormproof_system::messages::{self, DeliveryStatus, DeliveryUpdate};
use tokio::time::timeout;

use super::real::real;
use crate::servers::queues::{Declared, owner, url};
use crate::servers::{or_skip, python};

/// Publishes a body with nothing but message id, type and correlation id to a queue, durably.
const PUBLISH: &str = r#"
import json, os, pika
connection = pika.BlockingConnection(pika.URLParameters(os.environ["URL"]))
channel = connection.channel()
channel.confirm_delivery()
properties = pika.BasicProperties(
    message_id=os.environb[b"MESSAGE_ID"] or None, type="delivery.update", correlation_id="order-1",
    headers=json.loads(os.environ["HEADERS"]))
channel.basic_publish("", os.environ["QUEUE"], os.environ["BODY"].encode(), properties, mandatory=True)
connection.close()
"#;

/// No variables.
const NOTHING: &[(&str, &str)] = &[];

/// Takes one message and prints what it is.
const READ: &str = r#"
import json, os, pika
connection = pika.BlockingConnection(pika.URLParameters(os.environ["URL"]))
channel = connection.channel()
method, properties, body = channel.basic_get(os.environ["QUEUE"], auto_ack=True)
print(json.dumps({
    "exchange": method.exchange, "routing_key": method.routing_key,
    "content_type": properties.content_type, "delivery_mode": properties.delivery_mode,
    "message_id": properties.message_id, "correlation_id": properties.correlation_id,
    "type": properties.type, "timestamp": properties.timestamp,
    # RabbitMQ adds headers of its own.
    "headers": {k: v for k, v in properties.headers.items() if not k.startswith("x-")},
    "body": json.loads(body)}))
connection.close()
"#;

#[test]
fn our_consumer_takes_what_pika_publishes() {
    real(async {
        let Some(bench) = Bench::new("from-pika").await else { return };
        let update = update();
        let body = serde_json::to_string(&update).expect("it is JSON");
        bench.python(PUBLISH, &[("MESSAGE_ID", "foreign-1"), ("BODY", &body), ("HEADERS", "null")]);
        let message = bench.take().await.message;
        assert_eq!(messages::decode::<DeliveryUpdate>(&message).ok(), Some(update));
        let expected = Message {
            exchange: String::new(),
            routing_key: bench.queue.clone(),
            message_id: "foreign-1".to_owned(),
            correlation_id: "order-1".to_owned(),
            schema: "delivery.update".to_owned(),
            version: 1,
            traceparent: trace::parent("order-1", "foreign-1"),
            timestamp: 0,
            attempt: 0,
            body: body.into(),
        };
        assert_eq!(message, expected);
    });
}

/// What cannot be understood still comes, so that the consumer can dead-letter it; and a message
/// without an id has one that is its own.
#[test]
fn our_consumer_is_given_what_it_cannot_read() {
    real(async {
        let Some(bench) = Bench::new("odd-pika").await else { return };
        let headers = r#"{"version": "two", "attempt": -4, "timestamp_us": [1], "x": {"y": null}}"#;
        let mut ids = Vec::new();
        for (id, body) in [("", "no JSON"), ("", "no JSON either"), ("", "no JSON")] {
            bench.python(PUBLISH, &[("MESSAGE_ID", id), ("BODY", body), ("HEADERS", headers)]);
            let message = bench.take().await.message;
            assert_eq!((message.version, message.attempt, message.timestamp), (0, 0, 0));
            assert!(messages::decode::<DeliveryUpdate>(&message).is_err());
            assert_eq!(message.body, body.as_bytes());
            ids.push(message.message_id);
        }
        assert!(ids[0] == ids[2] && ids[0] != ids[1] && !ids[0].is_empty(), "{ids:?}");
    });
}

/// Publishes messages whose properties no Rust text holds, each between two that are good.
const PUBLISH_ODD: &str = r#"
import os, pika
connection = pika.BlockingConnection(pika.URLParameters(os.environ["URL"]))
channel = connection.channel()
channel.confirm_delivery()
odd = [
    dict(message_id=b"\xff\xfe"), dict(message_id="nul\0"), dict(correlation_id=b"\xff"),
    dict(correlation_id="\0"), dict(type=b"\xff"), dict(type="\0"), dict(app_id=b"\xff"), dict(app_id="\0"),
    dict(content_type=b"\xff"), dict(content_type="\0"), dict(content_encoding=b"\xff"), dict(reply_to=b"\xff"),
    dict(reply_to="\0" * 255), dict(timestamp=2**64 - 1), dict(timestamp=2**62),
    dict(headers={b"\xff": 1}), dict(headers={"\0": 1}), dict(headers={"x": "\0"}), dict(headers={"x": {b"\xff": 1}}),
    dict(headers={"x": [{"y": "\0"}]}), dict(headers={"version": "two"}), dict(headers={"version": 2**40}),
    dict(headers={"version": -1}), dict(headers={"version": [1]}), dict(headers={"attempt": -4}),
    dict(headers={"attempt": 2**40}), dict(headers={"attempt": None}), dict(headers={"timestamp_us": [1]}),
    dict(headers={"timestamp_us": "soon"}), dict(headers={"traceparent": 7}),
    dict(headers={"traceparent": "\0"}), dict(headers={"unreadable": 1}),
]
def publish(**properties):
    properties = dict(dict(type="delivery.update", correlation_id="order-1"), **properties)
    channel.basic_publish("", os.environ["QUEUE"], b"{}", pika.BasicProperties(**properties), mandatory=True)
for number, properties in enumerate(odd):
    publish(message_id="good-%d" % number)
    publish(**dict(dict(message_id="odd-%d" % number), **properties))
publish(message_id="good-last")
print(len(odd))
connection.close()
"#;

/// AMQP's short strings are UTF-8, but RabbitMQ passes on whatever it is given. What cannot be read comes
/// once, and says so; nobody loses a connection, and what came with it comes once, too.
#[test]
fn what_cannot_be_read_costs_nobody_else_anything() {
    real(async {
        let Some(bench) = Bench::new("unreadable-pika").await else { return };
        let odd: usize = bench.python(PUBLISH_ODD, NOTHING).trim().parse().expect("a number");
        let deliveries = bench.all(2 * odd + 1).await;
        assert!(deliveries.iter().all(|it| !it.redelivered), "a connection was lost");
        let (good, bad): (Vec<_>, Vec<_>) =
            deliveries.iter().partition(|it| it.message.message_id.starts_with("good-"));
        assert_eq!((good.len(), bad.len()), (odd + 1, odd));
        assert!(good.iter().all(|it| it.unreadable.is_none() && it.message.version == 1));
        for Delivery { message, unreadable, .. } in bad {
            assert!(unreadable.is_some() && message.version == 0, "{message:?}");
            let texts = [&message.message_id, &message.correlation_id, &message.schema];
            assert!(texts.iter().all(|text| !text.contains('\0')), "{message:?}");
        }
        the_letters_can_be_looked_at_and_tried_again(&bench, odd).await;
    });
}

/// They lie among the dead letters, and one that is given back still cannot be read.
async fn the_letters_can_be_looked_at_and_tried_again(bench: &Bench, odd: usize) {
    let dead = format!("{}{}", bench.queue, messages::DEAD);
    let letters = DeadLetterQueues::of([(dead.clone(), bench.queue.clone())]);
    let rabbit = RabbitMq::open(&bench.url, "contract").expect("the address is one");
    let rabbit = rabbit.with_dead_letters(letters);
    let ids = async || -> Vec<String> {
        let listed = rabbit.list().await.expect("the broker answers").into_iter();
        listed.map(|dead| dead.message.message_id).collect()
    };
    let until = async |count: usize| {
        let all_there = async {
            while ids().await.len() != count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(10), all_there).await.expect("they die");
    };
    until(odd).await;
    let ids = ids().await;
    assert!(
        ids.contains(&"\\xff\\xfe".to_owned()) && ids.contains(&"nul\\0".to_owned()),
        "{ids:?}"
    );
    for id in ["\\xff\\xfe", "nul\\0", "odd-12"] {
        let shown = rabbit.show(&dead, id).await.expect("the broker answers");
        assert_eq!(shown.expect("it is there").message.version, 0);
        assert!(rabbit.replay(&dead, id).await.expect("the broker answers"));
        let again = bench.take().await.message;
        assert_eq!((&*again.message_id, again.version), (id, 0), "no consumer understands it");
    }
    until(odd - 3).await;
}

#[test]
fn pika_reads_what_we_publish() {
    real(async {
        let Some(bench) = Bench::new("to-pika").await else { return };
        let sent = Message {
            exchange: String::new(),
            routing_key: bench.queue.clone(),
            ..messages::encode(&update(), "message-1".to_owned(), 1_700_000_000_123_456)
        };
        bench.rabbit.publish(sent.clone()).await.expect("it is confirmed");
        let found: Value =
            serde_json::from_str(&bench.python(READ, NOTHING)).expect("the script prints JSON");
        let expected = json!({
            "exchange": "",
            "routing_key": bench.queue,
            "content_type": "application/json",
            "delivery_mode": 2,
            "message_id": "message-1",
            "correlation_id": "order-1",
            "type": "delivery.update",
            "timestamp": 1_700_000_000,
            "headers": {
                "version": 1,
                "traceparent": sent.traceparent,
                "timestamp_us": 1_700_000_000_123_456_i64,
                "attempt": 0,
            },
            "body": { "order_id": "order-1", "sequence": 2, "status": "PICKED_UP", "at": 7 },
        });
        assert_eq!(found, expected);
    });
}

fn update() -> DeliveryUpdate {
    DeliveryUpdate {
        order_id: OrderId::parse("order-1".to_owned()).expect("it is a valid id"),
        sequence: 2,
        status: DeliveryStatus::PickedUp,
        at: 7,
    }
}

/// RabbitMQ with a queue of its own, and a Python that knows pika.
struct Bench {
    url: String,
    queue: String,
    rabbit: RabbitMq,
    _declared: Declared,
}

impl Bench {
    /// `None`, with the reason printed, if there is no RabbitMQ or no pika.
    async fn new(test: &str) -> Option<Bench> {
        let url = url()?;
        or_skip("pika", python::with_pika())?;
        let queue = owner(test);
        let dead = format!("{queue}{}", messages::DEAD);
        let limited = QueueSpec {
            delivery_limit: Some(3),
            dead_letter: Some(DeadLetter::to_queue(&dead)),
            ..QueueSpec::named(queue.clone())
        };
        let delivery_limit = Some(DEAD_DELIVERY_LIMIT);
        let queues = vec![limited, QueueSpec { delivery_limit, ..QueueSpec::named(dead) }];
        let declared = Declared::new(&url, Topology { queues, ..Topology::default() }).await;
        let rabbit = RabbitMq::open(&url, "contract").expect("the address is one");
        Some(Bench { url, queue, rabbit, _declared: declared })
    }

    /// Runs a script; returns what it prints.
    fn python(&self, script: &str, variables: &[(&str, impl AsRef<OsStr>)]) -> String {
        let own = [("URL", &self.url), ("QUEUE", &self.queue)];
        let own = own.into_iter().map(|(name, value)| (name, value.as_ref()));
        let all = own.chain(variables.iter().map(|(name, value)| (*name, value.as_ref())));
        python::run(script, &all.collect::<Vec<_>>())
    }

    /// The next message of the queue, acknowledged.
    async fn take(&self) -> Delivery {
        self.all(1).await.remove(0)
    }

    /// The next so many messages by one subscription, of which what cannot be read is rejected.
    async fn all(&self, count: usize) -> Vec<Delivery> {
        let notify = Notify::default();
        let subscribed = self.rabbit.subscribe(&self.queue, 16, notify.clone()).await;
        let mut subscription = subscribed.expect("the broker answers");
        let mut all = Vec::new();
        let taken = async {
            while all.len() < count {
                let Some(delivery) = subscription.take().expect("the connection lives") else {
                    notify.notified().await;
                    continue;
                };
                let how = delivery.unreadable.as_ref().map_or(Settle::Ack, |_| Settle::Reject);
                let settled = subscription.settle(delivery.tag, how).await;
                settled.expect("the connection lives");
                all.push(delivery);
            }
        };
        timeout(Duration::from_secs(30), taken).await.expect("all are delivered");
        all
    }
}
