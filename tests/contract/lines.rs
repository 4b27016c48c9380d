//! What the binding to RabbitMQ does when its connections are cut, silent, or blocked.

use std::time::{Duration, Instant};

use stormproof_bindings::queue::{DeclareError, PUBLISH_TIMEOUT, RabbitMq};
use stormproof_broker::QueueSpec;
use stormproof_ports::notify::Notify;
use stormproof_ports::topology::Topology;
use stormproof_ports::{
    Delivery, Message, PublishError, Queue as _, QueueLost, Settle, Subscription,
};
use tokio::time::{sleep, timeout};

use super::proxy::{Link, Proxy};
use super::real::real;
use crate::servers::queues::{Declared, owner, url};

/// How often a link is cut in the hope that the end of its connections is heard late.
const CUTS: usize = 20;

/// A queue of the test's own, behind a link that it can cut.
struct Bench {
    proxy: Proxy,
    rabbit: RabbitMq,
    queue: &'static str,
    _declared: Declared,
}

impl Bench {
    async fn new(test: &str) -> Option<Bench> {
        let url = url()?;
        let queue = Box::leak(owner(test).into_boxed_str());
        let queues = vec![QueueSpec::named(&*queue)];
        let declared = Declared::new(&url, Topology { queues, ..Topology::default() }).await;
        let proxy = Proxy::new(&url).await;
        let rabbit = RabbitMq::open(&proxy.url, "contract").expect("the address is one");
        Some(Bench { proxy, rabbit, queue, _declared: declared })
    }

    async fn publish(&self, id: &str) -> Result<(), PublishError> {
        let message = Message {
            exchange: String::new(),
            routing_key: self.queue.to_owned(),
            message_id: id.to_owned(),
            correlation_id: "order".to_owned(),
            schema: "test".to_owned(),
            version: 1,
            traceparent: String::new(),
            timestamp: 1,
            attempt: 0,
            body: b"{}".as_slice().into(),
        };
        self.rabbit.publish(message).await
    }

    /// A publish that fails; returns why, and after how long.
    async fn unknown(&self, id: &str) -> (String, Duration) {
        let start = Instant::now();
        match self.publish(id).await {
            Err(PublishError::Unknown(why)) => (why, start.elapsed()),
            other => panic!("{id}: {other:?}"),
        }
    }

    async fn consume(&self) -> Consumer {
        let notify = Notify::default();
        let subscribed = self.rabbit.subscribe(self.queue, 1, notify.clone()).await;
        Consumer(subscribed.expect("the queue is there"), notify)
    }
}

struct Consumer(Box<dyn Subscription>, Notify);

impl Consumer {
    /// Waits for the next delivery, or for the end.
    async fn next(&mut self) -> Result<Delivery, QueueLost> {
        let next = async {
            loop {
                if let Some(delivery) = self.0.take()? {
                    return Ok(delivery);
                }
                self.1.notified().await;
            }
        };
        timeout(Duration::from_secs(20), next).await.expect("something happens")
    }
}

#[test]
fn a_cut_is_heard_and_mended_by_itself() {
    real(async {
        let Some(bench) = Bench::new("cut").await else { return };
        bench.publish("held").await.expect("the link is open");
        let mut consumer = bench.consume().await;
        let held = consumer.next().await.expect("the link is open");
        bench.proxy.set(Link::Cut);
        consumer.next().await.expect_err("the end is heard of");
        assert!(consumer.0.settle(held.tag, Settle::Ack).await.is_err());
        let subscribe = bench.rabbit.subscribe(bench.queue, 1, Notify::default());
        let (subscribed, pinged, (why, after)) =
            futures::join!(subscribe, bench.rabbit.ping(), bench.unknown("lost"));
        assert!(subscribed.is_err() && pinged.is_err());
        assert!(after <= PUBLISH_TIMEOUT + Duration::from_secs(1), "{after:?}");
        assert!(!why.is_empty());

        bench.proxy.set(Link::Open);
        // A publish waits for the connection as long as it may wait at all.
        bench.publish("after").await.expect("the link is open again");
        bench.rabbit.ping().await.expect("the link is open again");
        let mut consumer = bench.consume().await;
        let again = consumer.next().await.expect("the link is open again");
        assert_eq!((&*again.message.message_id, again.redelivered), ("held", true));
        consumer.0.settle(again.tag, Settle::Ack).await.expect("the link is open again");
        let next = consumer.next().await.expect("the link is open again");
        assert_eq!((&*next.message.message_id, next.redelivered), ("after", false));
        drop(consumer);
    });
}

/// Who has been told of a loss may publish again at once: the binding has not always heard of the end
/// of the connection itself by then, and must not give out the one that died.
#[test]
fn a_publish_after_a_loss_goes_by_the_next_connection() {
    real(async {
        let Some(bench) = Bench::new("next").await else { return };
        let mut losses = 0;
        for _ in 0..CUTS {
            bench.publish("before").await.expect("the link is open");
            let cut = async {
                bench.proxy.set(Link::Cut);
                sleep(Duration::from_millis(2)).await;
                bench.proxy.set(Link::Open);
            };
            let lost = async {
                for _ in 0..CUTS {
                    if bench.publish("meanwhile").await.is_err() {
                        losses += 1;
                        break;
                    }
                }
            };
            futures::join!(cut, lost);
            bench.publish("after").await.expect("the next connection takes it");
        }
        assert!(losses > 0, "no cut met a publish");
    });
}

/// Nothing tells a silent peer from a slow one but time.
#[test]
fn silence_ends_a_publish_in_time() {
    real(async {
        let Some(bench) = Bench::new("frozen").await else { return };
        bench.publish("before").await.expect("the link is open");
        bench.proxy.set(Link::Frozen);
        let (one, other) = futures::join!(bench.unknown("one"), bench.unknown("other"));
        for (why, after) in [one, other] {
            let bound = PUBLISH_TIMEOUT..PUBLISH_TIMEOUT + Duration::from_secs(1);
            assert!(bound.contains(&after), "{after:?}: {why}");
        }
        bench.proxy.set(Link::Open);
        bench.publish("after").await.expect("the link is open again");
    });
}

/// A broker that is short of memory or disk asks its publishers to be silent. It is not sent anything
/// until it takes that back, and nobody waits longer than for a confirm. Subscriptions go on.
#[test]
fn a_blocked_connection_delays_publishes_and_nothing_else() {
    real(async {
        let Some(bench) = Bench::new("blocked").await else { return };
        bench.publish("before").await.expect("nothing is blocked");
        // Connection.Blocked with a reason, and Connection.Unblocked (RabbitMQ's extension).
        bench
            .proxy
            .say("publishing", b"\x01\x00\x00\x00\x00\x00\x0f\x00\x0a\x00\x3c\x0alow memory\xce");
        let why = loop {
            // Until the notice has arrived, publishes pass.
            match bench.publish("blocked").await {
                Ok(()) => {}
                Err(PublishError::Unknown(why)) => break why,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(why, "blocked: low memory");
        let mut consumer = bench.consume().await;
        let first = consumer.next().await.expect("consuming is not blocked");
        consumer.0.settle(first.tag, Settle::Ack).await.expect("consuming is not blocked");

        let blocked = bench.publish("patient");
        let unblock = async {
            bench.proxy.say("publishing", b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x3d\xce")
        };
        let (published, ()) = futures::join!(blocked, unblock);
        published.expect("it waited until it could be sent");
        drop(consumer);
    });
}

#[test]
fn a_queue_with_other_arguments_is_told() {
    real(async {
        let Some(bench) = Bench::new("other").await else { return };
        let other = QueueSpec { delivery_limit: Some(3), ..QueueSpec::named(bench.queue) };
        let topology = Topology { queues: vec![other], ..Topology::default() };
        let error = bench.rabbit.declare(&topology).await.err();
        let Some(DeclareError::Different { what, answer }) = &error else { panic!("{error:?}") };
        assert_eq!(*what, format!("queue {}", bench.queue));
        assert!(answer.contains("x-delivery-limit"), "{answer}");
        // The line is none the worse.
        bench.publish("after").await.expect("only the channel was closed");
    });
}

#[test]
fn an_address_is_one_or_is_refused() {
    real(async {
        for bad in ["", "127.0.0.1", "http://127.0.0.1/", "amqp://host:port"] {
            assert!(RabbitMq::open(bad, "contract").is_err(), "{bad}");
        }
    });
}
