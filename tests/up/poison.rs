//! Messages that nobody can read, on every queue of a shop at work: they die one by one and are told of,
//! and customers notice nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::Duration;

use serde_json::Value;
use stormproof_system::messages::{DEAD, QUEUES};
use tokio::time::{Instant, sleep};

use super::customer::Customer;
use super::replicas::{Replica, Shop};
use super::sink;
use crate::servers::shop::{Servers, with_servers};
use crate::servers::{or_skip, python};

const REPLICAS: [Replica; 5] = [
    ("store-1", "store"),
    ("warehouse-1", "warehouse"),
    ("bank-1", "bank"),
    ("delivery-1", "delivery"),
    ("email-1", "email"),
];

/// Messages of every queue, of the schema that is expected there and with a subject of their own, as far
/// as they have one; each queue's between two that are good, of which the mail service's are mails.
const PUBLISH: &str = r#"
import json, os, pika
connection = pika.BlockingConnection(pika.URLParameters(os.environ["URL"]))
channel = connection.channel()
channel.confirm_delivery()
odd = [
    dict(message_id=b"\xff%d"), dict(message_id="nul\0%d"), dict(correlation_id=b"\xff"), dict(correlation_id="\0"),
    dict(type=b"\xff"), dict(type="\0"), dict(app_id=b"\xff"), dict(reply_to="\0"), dict(content_type=b"\xfe"),
    dict(timestamp=2**64 - 1), dict(headers={b"\xff": 1}), dict(headers={"x": "\0"}), dict(headers={"version": -1}),
    dict(headers={"attempt": 2**32 - 1}), dict(headers={"attempt": 2**40}), dict(headers={"traceparent": "\0"}),
    dict(body=b"{\"order_id\": \"order\\u0000\"}"), dict(body=b"\xff"), dict(body=b""),
]
for queue in os.environ["QUEUES"].split():
    schema = queue.removesuffix(".queue")
    schema = {"bank.debit": "payment.debit"}.get(schema, schema)
    def publish(body=b"{}", **properties):
        properties = dict(dict(type=schema), **properties)
        channel.basic_publish("", queue, body, pika.BasicProperties(**properties), mandatory=True)
    for number, properties in enumerate(odd):
        name = "%s-%d" % (queue, number)
        publish(**dict(dict(message_id="odd-" + name, correlation_id="odd-" + name), **properties))
        if queue == "email.lost.queue":
            body = json.dumps(dict(order_id="good-%d" % number, to="good-%d@customer.example" % number))
            publish(body.encode(), message_id="good-%d" % number, correlation_id="good-%d" % number)
print(len(odd))
connection.close()
"#;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_costs_nobody_anything() {
    let Some(()) = or_skip("pika", python::with_pika()) else { return };
    with_servers("poison", poison).await;
}

async fn poison(servers: &Servers) {
    let (sink, smtp) = sink().await;
    let (shop, processes) = Shop::started(servers, &smtp, &REPLICAS).await;
    let ada = Customer::register(&shop.url("store-1"), "ada").await;
    shop.runs(&["demo", "--account", &ada.user_id], 0, "").await;
    let before = ada.buy("before", "teapot", 1).await;

    let queues = QUEUES.map(|queue| queue.name).join(" ");
    let variables = [("URL", servers.broker_url()), ("QUEUES", &queues)];
    let variables = variables.map(|(name, value)| (name, OsStr::new(value)));
    let odd = python::run(PUBLISH, &variables).trim().parse().expect("a number");

    let behind = ada.buy("behind", "teapot", 1).await;
    for order in [before, behind] {
        ada.until(&order, "DELIVERED").await;
    }
    until_dead(&shop, odd).await;
    for number in 0..odd {
        let to = format!("good-{number}@customer.example");
        until(&format!("a mail to {to}"), async || {
            sink.mails().iter().any(|mail| mail.content.contains(&to))
        })
        .await;
    }
    support_hears_of_each(servers, odd).await;
    operators_can_look(&shop, odd).await;
    for process in processes {
        assert!(!process.log().contains("panicked"), "{}", process.log());
        process.stop().await;
    }
}

/// Every queue's dead letters are those, and no others.
async fn until_dead(shop: &Shop, odd: usize) {
    let expected: BTreeMap<String, usize> =
        QUEUES.iter().map(|queue| (format!("{}{DEAD}", queue.name), odd)).collect();
    until(&format!("{odd} dead letters of each queue"), async || {
        let listed = shop.tells(&["dlq", "list", "--json"]).await;
        let mut dead = BTreeMap::new();
        for letter in listed.as_array().expect("a list") {
            let queue = letter["queue"].as_str().expect("a name").to_owned();
            *dead.entry(queue).or_default() += 1;
        }
        dead == expected
    })
    .await;
}

/// Those that have a subject each have an alert.
async fn support_hears_of_each(servers: &Servers, odd: usize) {
    for (service, queues) in [("store", 2), ("bank", 1), ("delivery", 2), ("email", 5)] {
        let told =
            "SELECT COUNT(*) FROM alerts WHERE kind = 'dead letter' AND order_id LIKE 'odd-%'";
        let expected = i64::try_from(queues * (odd - 2)).expect("a few");
        assert_eq!(servers.number(service, told).await, expected, "{service}");
        let others = "SELECT COUNT(*) FROM alerts WHERE order_id = 'unreadable'";
        assert!(servers.number(service, others).await >= 1, "{service}");
    }
}

/// What can be read of them is shown, what cannot is spelled out, and what is given back dies again.
async fn operators_can_look(shop: &Shop, odd: usize) {
    let place = ["--queue", "email.lost.queue", "--json"];
    for (id, words) in [("\\xff%d", "email.lost"), ("nul\\0%d", "email.lost")] {
        let shown = shop.tells(&[&["dlq", "show", id][..], &place].concat()).await;
        assert!(shown["message_id"] == id && shown["schema"] == words, "{shown}");
        let back: Value = shop.tells(&[&["dlq", "replay", id][..], &place].concat()).await;
        assert_eq!(back[0]["to"], "email.lost.queue", "{back}");
    }
    until_dead(shop, odd).await;
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "expected {what}");
        sleep(Duration::from_millis(100)).await;
    }
}
