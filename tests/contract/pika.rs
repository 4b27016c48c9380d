//! Bytes of somebody else's: Python's pika publishes what our consumers take, and reads what we
//! publish.
//!
//! pika is taken from the Python at hand, else installed by pip below the target directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use stormproof_bindings::queue::RabbitMq;
use stormproof_broker::{DeadLetter, QueueSpec};
use stormproof_ports::notify::Notify;
use stormproof_ports::topology::Topology;
use stormproof_ports::trace;
use stormproof_ports::{Delivery, Message, Queue as _, QueueLost, Settle};
use stormproof_system::id::OrderId;
use stormproof_system::messages::{self, DeliveryStatus, DeliveryUpdate};
use tokio::time::timeout;

use super::real::real;
use crate::servers::or_skip;
use crate::servers::queues::{Declared, owner, url};

const INSTALLED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pika");

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

/// AMQP's short strings are UTF-8. lapin gives a connection up over one that is not, and the message
/// comes again on the next: the delivery limit ends that, and what lies behind it is delivered.
#[test]
fn what_cannot_be_parsed_at_all_is_dead_lettered_in_the_end() {
    real(async {
        let Some(bench) = Bench::new("unparsable-pika").await else { return };
        for id in [&b"\xff\xfe"[..], b"behind-it"] {
            let id = OsStr::from_bytes(id);
            let variables = [("BODY", OsStr::new("{}")), ("HEADERS", OsStr::new("null"))];
            bench.python(PUBLISH, &[&variables[..], &[("MESSAGE_ID", id)]].concat());
        }
        let behind = async {
            loop {
                // The connection may be lost at any point, and comes back by itself.
                if let Ok(Some(delivery)) = bench.try_take().await {
                    return delivery;
                }
            }
        };
        let behind = timeout(Duration::from_secs(30), behind).await.expect("it is delivered");
        assert_eq!(behind.message.message_id, "behind-it");
        let script = "import os, pika\n\
            connection = pika.BlockingConnection(pika.URLParameters(os.environ['URL']))\n\
            print(connection.channel().queue_declare(os.environ['QUEUE'] + '.dlq', passive=True)\
            .method.message_count)";
        assert_eq!(bench.python(script, NOTHING).trim(), "1");
    });
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
        or_skip("pika", pika().map_err(|why| format!("no pika: {why}")))?;
        let queue = owner(test);
        let dead = format!("{queue}{}", messages::DEAD);
        let limited = QueueSpec {
            delivery_limit: Some(3),
            dead_letter: Some(DeadLetter::to_queue(&dead)),
            ..QueueSpec::named(queue.clone())
        };
        let queues = vec![limited, QueueSpec::named(dead)];
        let declared = Declared::new(&url, Topology { queues, ..Topology::default() }).await;
        let rabbit = RabbitMq::open(&url, "contract").expect("the address is one");
        Some(Bench { url, queue, rabbit, _declared: declared })
    }

    /// Runs a script; returns what it prints.
    fn python(&self, script: &str, variables: &[(&str, impl AsRef<OsStr>)]) -> String {
        let ran = Command::new("python3")
            .args(["-c", script])
            .env("PYTHONPATH", INSTALLED)
            .env("URL", &self.url)
            .env("QUEUE", &self.queue)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("it ran before");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("JSON is UTF-8")
    }

    /// The next message of the queue, acknowledged.
    async fn take(&self) -> Delivery {
        let taken = timeout(Duration::from_secs(10), self.try_take()).await;
        let taken = taken.expect("something is delivered").expect("the connection lives");
        taken.expect("the connection lives")
    }

    /// The same; `None` if the acknowledgement is lost.
    async fn try_take(&self) -> Result<Option<Delivery>, QueueLost> {
        let notify = Notify::default();
        let queue: &'static str = Box::leak(self.queue.clone().into_boxed_str());
        let mut subscription = self.rabbit.subscribe(queue, 1, notify.clone()).await?;
        loop {
            if let Some(delivery) = subscription.take()? {
                let settled = subscription.settle(delivery.tag, Settle::Ack).await;
                return Ok(settled.is_ok().then_some(delivery));
            }
            notify.notified().await;
        }
    }
}

/// Makes sure that Python finds pika, if need be by installing it once for all runs from this target
/// directory. Errors: why it does not.
fn pika() -> Result<(), String> {
    let installed = Path::new(INSTALLED);
    if python(installed, &["-c", "import pika"]).is_ok() {
        return Ok(());
    }
    // Beside its place first: another test may be about to do the same.
    let fresh = installed.with_extension(std::process::id().to_string());
    let target = fresh.to_string_lossy();
    let install = ["-m", "pip", "install", "--quiet", "--timeout", "20", "--target", &target];
    python(installed, &[&install[..], &["pika"]].concat())?;
    if std::fs::rename(&fresh, installed).is_err() {
        std::fs::remove_dir_all(&fresh).ok();
    }
    python(installed, &["-c", "import pika"])
}

/// Runs Python with a folder to import from. Errors: why it cannot, or what it says.
fn python(imports: &Path, arguments: &[&str]) -> Result<(), String> {
    match Command::new("python3").args(arguments).env("PYTHONPATH", imports).output() {
        Ok(ran) if ran.status.success() => Ok(()),
        Ok(ran) => Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
