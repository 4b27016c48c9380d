//! Dead letters, looked at and tried again: at RabbitMQ and at the embedded broker alike.

use std::time::Duration;

use stormproof::brokers;
use stormproof_bindings::dead_letters::{DeadLetters, DeadMessage};
use stormproof_bindings::queue::RabbitMq;
use stormproof_broker::DeathReason;
use stormproof_ports::notify::Notify;
use stormproof_ports::{Delivery, Message, Queue, Settle, Subscription};
use stormproof_system::id::OrderId;
use stormproof_system::messages::{BANK_DEBITS, Support, encode};
use stormproof_system::topology;
use tokio::time::timeout;

use crate::servers::shop::{Servers, with_servers};
use crate::up::process::{Folder, stormproof};

const DEAD_DEBITS: &str = "bank.debit.queue.dlq";

#[tokio::test(flavor = "multi_thread")]
async fn of_rabbitmq() {
    with_servers("dlq", async |servers: &Servers| {
        let broker = RabbitMq::open(servers.broker_url(), "test").expect("an AMQP address");
        let broker = broker.with_dead_letters(brokers::dead_letter_queues());
        broker.declare(&topology::of_shop()).await.expect("the topology can be declared");
        looked_at_and_tried_again(&broker, &broker).await;
        it_stays_where_its_queue_is_gone(servers, &broker).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_embedded_broker() {
    let folder = Folder::new("dlq");
    let data = folder.path("data");
    std::fs::create_dir(&data).expect("the folder can be written");
    let file = data.join("broker.db");
    let broker = brokers::embedded(&file).await.expect("a new file");
    let queue = broker.queue("test");
    looked_at_and_tried_again(&*queue, &broker).await;
    bury(&*queue, "second").await;
    drop(queue);
    broker.close().await;
    the_command_answers(&folder).await;
}

/// A letter dies; looking leaves it where it is; trying it again keeps its id.
async fn looked_at_and_tried_again(queue: &dyn Queue, letters: &dyn DeadLetters) {
    assert_eq!(letters.list().await.expect("the broker answers"), []);
    bury(queue, "first").await;
    let dead = &dead(letters).await;
    assert_eq!((&*dead.queue, &*dead.message.message_id), (DEAD_DEBITS, "first"));
    assert_eq!(dead.message.correlation_id, "order-1");
    let death = &dead.deaths[0];
    assert_eq!((&*death.queue, death.reason), (BANK_DEBITS, DeathReason::Rejected));
    assert!(dead.died_at().is_some());

    // Looked at as often as one likes, it is still there.
    for _ in 0..3 {
        let shown = letters.show(DEAD_DEBITS, "first").await.expect("the broker answers");
        assert_eq!(shown.as_ref(), Some(dead));
    }
    assert_eq!(letters.show(DEAD_DEBITS, "another").await.expect("it answers"), None);
    assert!(!letters.replay(DEAD_DEBITS, "another").await.expect("it answers"));
    assert_eq!(letters.list().await.expect("it answers").len(), 1);

    assert!(letters.replay(DEAD_DEBITS, "first").await.expect("it answers"));
    assert_eq!(letters.list().await.expect("it answers"), []);
    let (mut subscription, delivery) = take(queue).await;
    assert_eq!(delivery.message.message_id, "first");
    assert_eq!(delivery.message.attempt, 0);
    subscription.settle(delivery.tag, Settle::Ack).await.expect("the broker hears it");
}

/// The one dead letter. RabbitMQ moves it after it has heard of its rejection.
async fn dead(letters: &dyn DeadLetters) -> DeadMessage {
    let arrived = timeout(Duration::from_secs(10), async {
        loop {
            let all = letters.list().await.expect("the broker answers");
            assert!(all.len() <= 1, "{all:#?}");
            match all.into_iter().next() {
                Some(dead) => return dead,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    arrived.await.expect("it dies")
}

/// The letter is acknowledged only when its queue has it again.
async fn it_stays_where_its_queue_is_gone(servers: &Servers, broker: &RabbitMq) {
    bury(broker, "third").await;
    dead(broker).await;
    let address = servers.broker_url();
    let connection = lapin::Connection::connect(address, lapin::ConnectionProperties::default());
    let connection = connection.await.expect("the broker answers");
    let channel = connection.create_channel().await.expect("the broker answers");
    let deleted = channel.queue_delete(BANK_DEBITS.into(), Default::default()).await;
    deleted.expect("nobody uses it");
    let replayed = broker.replay(DEAD_DEBITS, "third").await;
    assert!(replayed.as_ref().is_err_and(|error| error.0.contains("stays")), "{replayed:?}");
    assert_eq!(dead(broker).await.message.message_id, "third", "it is still there");
    // A broker that was named to us is looked at by the next run too.
    let deleted = channel.queue_delete(DEAD_DEBITS.into(), Default::default()).await;
    deleted.expect("nobody uses it");
}

/// The command on the folder of a shop that is closed.
async fn the_command_answers(folder: &Folder) {
    let data = folder.path("data");
    let data = data.to_str().expect("the test's paths are text");
    let dlq = async |arguments: &[&str]| {
        let log = folder.path("dlq.log");
        let arguments = [&["dlq"], arguments, &["--data", data]].concat();
        let output = stormproof(&arguments, &log).output().await.expect("the binary was built");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), said)
    };
    let (code, listed, said) = dlq(&["list"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(listed.contains("rejected by bank.debit.queue"), "{listed}");
    let (code, listed, _) = dlq(&["list", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("it is JSON");
    assert_eq!((code, &listed[0]["message_id"]), (Some(0), &"second".into()));
    assert_eq!(listed[0]["deaths"][0]["reason"], "rejected");
    let (code, listed, _) = dlq(&["list", "--queue", "payment.result.queue"]).await;
    assert_eq!((code, listed.trim()), (Some(0), "no dead letters"));
    let (code, shown, _) = dlq(&["show", "second"]).await;
    assert!(code == Some(0) && shown.contains("order-1") && shown.contains("kind"), "{shown}");
    for unknown in ["show", "replay"] {
        let (code, _, said) = dlq(&[unknown, "nobody"]).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("no dead letter has the message id nobody"), "{said}");
    }
    let (code, replayed, _) = dlq(&["replay", "second"]).await;
    assert!(code == Some(0) && replayed.contains("back to bank.debit.queue"), "{replayed}");
    let (code, listed, _) = dlq(&["list"]).await;
    assert_eq!((code, listed.trim()), (Some(0), "no dead letters"));
    let (code, _, said) = dlq(&["replay", "second"]).await;
    assert_eq!(code, Some(2), "{said}");
}

/// Sends a letter to the Bank's queue, and rejects it there.
async fn bury(queue: &dyn Queue, id: &str) {
    let order_id = OrderId::parse("order-1").expect("well formed");
    let support = Support { order_id, kind: "kind".into(), text: "text".into(), alert: "a".into() };
    let message = Message {
        exchange: String::new(),
        routing_key: BANK_DEBITS.into(),
        attempt: 3,
        ..encode(&support, id.into(), 1)
    };
    queue.publish(message).await.expect("it is confirmed");
    let (mut subscription, delivery) = take(queue).await;
    assert_eq!(delivery.message.message_id, id);
    subscription.settle(delivery.tag, Settle::Reject).await.expect("the broker hears it");
}

async fn take(queue: &dyn Queue) -> (Box<dyn Subscription>, Delivery) {
    let notify = Notify::default();
    let subscribed = queue.subscribe(BANK_DEBITS, 1, notify.clone()).await;
    let mut subscription = subscribed.expect("the queue is there");
    let taken = timeout(Duration::from_secs(10), async {
        loop {
            match subscription.take().expect("the broker stays up") {
                Some(delivery) => return delivery,
                None => notify.notified().await,
            }
        }
    });
    let delivery = taken.await.expect("it arrives");
    (subscription, delivery)
}
