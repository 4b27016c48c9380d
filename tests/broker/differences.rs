//! The rows of the table of intended differences in `system/broker/src/lib.rs`, one test each.
//!
//! RabbitMQ 3.10 was looked at. Where a later version does as the model does, the test says so and
//! accepts it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use futures::StreamExt as _;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions, BasicRejectOptions,
    ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use stormproof_broker::{Broker, Published, QueueSpec};
use stormproof_ports::Message;
use stormproof_ports::time::Time;
use stormproof_ports::topology::Topology;
use tokio::time::timeout;

use super::model::message;
use crate::contract::real::real;
use crate::servers::queues::{Declared, owner, url};

/// A queue of the test's own on both, and a way to each.
struct Pair {
    connection: Connection,
    channel: Channel,
    _declared: Declared,
    queue: String,
    broker: Broker,
    /// RabbitMQ's.
    version: String,
}

impl Pair {
    async fn new(test: &str, spec: impl Fn(&str) -> QueueSpec) -> Option<Pair> {
        let url = url()?;
        let queue = owner(test);
        let topology = Topology { queues: vec![spec(&queue)], ..Topology::default() };
        let mut broker = Broker::new();
        broker.declare(&topology).expect("it is consistent");
        let declared = Declared::new(&url, topology).await;
        let connection = Connection::connect(&url, ConnectionProperties::default()).await;
        let connection = connection.expect("it answered before");
        let channel = connection.create_channel().await.expect("it is connected");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("it is connected");
        let version = version(&url);
        Some(Pair { connection, channel, _declared: declared, queue, broker, version })
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
        let refused = timeout(Duration::from_secs(10), refused).await;
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

/// The model gives back what a lost connection held in the order of its delivery tags. RabbitMQ does
/// so consumer by consumer, in the order of their names. The shop has one consumer on a channel.
#[test]
fn several_consumers_of_a_queue_on_one_channel_give_back_one_after_the_other() {
    real(async {
        let limited = |name: &str| QueueSpec { delivery_limit: Some(9), ..QueueSpec::named(name) };
        let Some(mut pair) = Pair::new("turns", limited).await else { return };
        let ids = ["a", "b", "c", "d"];
        let publisher = pair.broker.connect();
        let lost = pair.broker.connect();
        for _ in 0..2 {
            pair.broker.consume(lost, &pair.queue, 2).expect("the queue is there");
        }
        let channel = pair.connection.create_channel().await.expect("it is connected");
        channel.basic_qos(2, BasicQosOptions::default()).await.expect("it is connected");
        let mut consumers = Vec::new();
        for name in ["z", "y"] {
            consumers.push(consume(&channel, &pair.queue, name).await);
        }
        for id in ids {
            let message = pair.message(id);
            pair.broker.publish(publisher, message, true, Time(0)).expect("the exchange is there");
            pair.broker.sync();
            pair.broker.deliver(Time(0));
            assert!(pair.publish(id).await.is_ack());
        }
        for (consumer, held) in consumers.iter_mut().zip([["a", "c"], ["b", "d"]]) {
            for id in held {
                assert_eq!(next(consumer).await, id, "they take turns");
            }
        }
        pair.broker.disconnect(lost, Time(0));
        channel.close(200, "lost".into()).await.expect("it is open");

        let queue = pair.broker.queue(&pair.queue).expect("it is declared");
        let returned: Vec<_> = queue.ready().map(|it| it.message.message_id.as_str()).collect();
        assert_eq!(returned, ids);
        let mut again = consume(&pair.channel, &pair.queue, "again").await;
        let mut returned = Vec::new();
        for _ in ids {
            returned.push(next(&mut again).await);
        }
        assert_eq!(returned, ["b", "d", "a", "c"]);
    });
}

/// In the model a consumer whose requeued message is given up has room for one more. In 3.10 it has
/// room for two. The shop rejects without requeueing.
#[test]
fn a_requeue_over_the_limit_gives_too_much_room_in_3_10() {
    real(async {
        let limited = |name: &str| QueueSpec { delivery_limit: Some(0), ..QueueSpec::named(name) };
        let Some(mut pair) = Pair::new("room", limited).await else { return };
        let connection = pair.broker.connect();
        pair.broker.consume(connection, &pair.queue, 1).expect("the queue is there");
        pair.channel.basic_qos(1, BasicQosOptions::default()).await.expect("it is connected");
        let mut consumer = consume(&pair.channel, &pair.queue, "one").await;
        for id in ["a", "b", "c"] {
            let message = pair.message(id);
            pair.broker.publish(connection, message, true, Time(0)).expect("the exchange is there");
            assert!(pair.publish(id).await.is_ack());
        }
        pair.broker.sync();
        assert_eq!(pair.broker.deliver(Time(0)).len(), 1);
        pair.broker.reject(connection, 1, true, Time(0)).expect("it is held");
        assert_eq!(pair.broker.deliver(Time(0)).len(), 1);

        assert_eq!(next(&mut consumer).await, "a");
        let options = BasicRejectOptions { requeue: true };
        pair.channel.basic_reject(1, options).await.expect("it is held");
        assert_eq!(next(&mut consumer).await, "b");
        if pair.version.starts_with("3.10.") {
            assert_eq!(next(&mut consumer).await, "c");
        }
    });
}

async fn consume(channel: &Channel, queue: &str, name: &str) -> Consumer {
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), name.into(), options, FieldTable::default());
    consumer.await.expect("the queue is there")
}

async fn next(consumer: &mut Consumer) -> String {
    let delivery = timeout(Duration::from_secs(10), consumer.next()).await;
    let delivery = delivery.expect("something is delivered").expect("the channel is open");
    let delivery = delivery.expect("the channel is open");
    delivery.properties.message_id().as_ref().expect("it was sent with one").to_string()
}
