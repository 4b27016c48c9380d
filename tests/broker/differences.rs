//! The rows of the table of intended differences in `system/src/broker/mod.rs`, one test each.
//!
//! RabbitMQ 3.10 was looked at. Where a later version does as the model does, the test says so and
//! accepts it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, BasicRejectOptions, ConfirmSelectOptions,
};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use stormproof_system::broker::{Broker, Published, QueueSpec};
use stormproof_system::ports::Message;
use stormproof_system::time::Time;
use stormproof_system::topology::Topology;

use super::model::message;
use crate::contract::rabbit::{Declared, owner, url};
use crate::contract::real::real;

/// A queue of the test's own on both, and a way to each.
struct Pair {
    _connection: Connection,
    channel: Channel,
    _declared: Declared,
    queue: String,
    broker: Broker,
    /// RabbitMQ's.
    version: String,
}

impl Pair {
    async fn new(test: &str, spec: impl Fn(&str) -> QueueSpec) -> Option<Pair> {
        let url = url().await?;
        let queue = owner(test);
        let topology = Topology { queues: vec![spec(&queue)], ..Topology::default() };
        let mut broker = Broker::new();
        topology.declare(&mut broker).expect("it is consistent");
        let declared = Declared::new(&url, topology).await;
        let connection = Connection::connect(&url, ConnectionProperties::default()).await;
        let connection = connection.expect("it answered before");
        let channel = connection.create_channel().await.expect("it is connected");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("it is connected");
        let version = version(&url);
        Some(Pair { _connection: connection, channel, _declared: declared, queue, broker, version })
    }

    fn message(&self, id: &str) -> Message {
        message("", &self.queue, id)
    }

    async fn publish(&self, id: &str) -> Confirmation {
        let properties = BasicProperties::default().with_message_id(id.into());
        let (queue, options) = (self.queue.as_str().into(), BasicPublishOptions::default());
        let sent = self.channel.basic_publish("".into(), queue, options, b"", properties);
        sent.await.expect("it is connected").await.expect("it is connected")
    }

    /// Takes the next message without an acknowledgement: its id, and its tag.
    async fn get(&self) -> (String, u64) {
        let got = self.channel.basic_get(self.queue.as_str().into(), BasicGetOptions::default());
        let got = got.await.expect("it is connected").expect("there is a message");
        let id = got.properties.message_id().as_ref().expect("it was sent with one");
        (id.to_string(), got.delivery_tag)
    }
}

/// The version that a server tells in its first frame, Connection.Start, which lapin keeps to itself.
fn version(url: &str) -> String {
    let uri: AMQPUri = url.parse().expect("it was connected to");
    let mut server = TcpStream::connect((uri.authority.host.as_str(), uri.authority.port))
        .expect("it answered before");
    server.write_all(b"AMQP\x00\x00\x09\x01").expect("it listens");
    // A frame is a type, a channel of two bytes, a length of four, that much, and an end mark.
    let mut head = [0; 7];
    server.read_exact(&mut head).expect("it answers");
    let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    let mut start = vec![0; usize::try_from(length).expect("a frame is small")];
    server.read_exact(&mut start).expect("it answers");
    let key = b"\x07versionS";
    let place = start.windows(key.len()).position(|window| window == key);
    let value = &start[place.expect("servers tell their version") + key.len()..];
    let length = usize::from(value[3]);
    String::from_utf8_lossy(&value[4..4 + length]).into_owned()
}

/// The model refuses exactly. RabbitMQ tells its channels that a queue is full only after it is, so
/// that a few more pass; it does refuse in the end.
#[test]
fn a_full_queue_lets_a_few_more_pass() {
    real(async {
        let limited = |name: &str| QueueSpec { max_length: Some(1), ..QueueSpec::named(name) };
        let Some(mut pair) = Pair::new("full", limited).await else { return };
        let publisher = pair.broker.connect();
        let mut publish = |id: &str| {
            let message = message("", &pair.queue, id);
            let published = pair.broker.publish(publisher, message, true, Time(0));
            pair.broker.sync();
            published.expect("the default exchange is there")
        };
        assert!(matches!(publish("a"), Published::Accepted { .. }));
        assert!(matches!(publish("b"), Published::Refused { .. }));

        let mut passed = 0;
        let refused = async {
            while pair.publish("more").await.is_ack() {
                passed += 1;
            }
        };
        let refused = tokio::time::timeout(Duration::from_secs(10), refused).await;
        let queue = pair.queue.clone();
        assert!(refused.is_ok() && passed > 1, "{queue}: {passed} passed");
    });
}

/// The model puts a returned message before those never delivered. So does RabbitMQ with a delivery
/// limit (`rabbitmq_does_what_the_model_does`), and from 4.0 on without; 3.10 puts it last.
#[test]
fn without_a_delivery_limit_3_10_requeues_at_the_tail() {
    real(async {
        let Some(mut pair) = Pair::new("tail", |name| QueueSpec::named(name)).await else { return };
        let connection = pair.broker.connect();
        pair.broker.consume(connection, &pair.queue, 1).expect("the queue is there");
        for id in ["a", "b"] {
            let message = pair.message(id);
            let published = pair.broker.publish(connection, message, true, Time(0));
            published.expect("the default exchange is there");
            assert!(pair.publish(id).await.is_ack());
        }
        pair.broker.sync();
        assert_eq!(pair.broker.deliver(Time(0)).len(), 1);
        pair.broker.reject(connection, 1, true, Time(0)).expect("it is held");
        let again = pair.broker.deliver(Time(0));
        assert_eq!(again[0].1.message.message_id, "a");

        let (first, tag) = pair.get().await;
        let options = BasicRejectOptions { requeue: true };
        pair.channel.basic_reject(tag, options).await.expect("it is held");
        let (next, _) = pair.get().await;
        assert_eq!(first, "a");
        let is_old = matches!(pair.version.split('.').next(), Some("3"));
        assert_eq!(next, if is_old { "b" } else { "a" }, "RabbitMQ {}", pair.version);
    });
}
