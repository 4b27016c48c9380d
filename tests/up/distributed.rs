//! The shop as it is served for real: six processes (two of them Stores) on Postgres and RabbitMQ.

use std::time::Duration;

use stormproof::rehearse::smtp_sink::SmtpSink;
use tokio::time::{Instant, sleep};

use super::customer::Customer;
use super::process::Process;
use super::replicas::{Replica, Shop};
use super::sink;
use crate::servers::shop::{Servers, with_servers};

/// Every process of the shop: its name and its service.
const REPLICAS: [Replica; 6] = [
    ("store-1", "store"),
    ("store-2", "store"),
    ("warehouse-1", "warehouse"),
    ("bank-1", "bank"),
    ("delivery-1", "delivery"),
    ("email-1", "email"),
];

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn five_services_in_six_processes_deliver_an_order() {
    with_servers("up", deliver).await;
}

async fn deliver(servers: &Servers) {
    let (sink, smtp) = sink().await;
    let shop = Shop::new(servers, &smtp, &REPLICAS);

    // Without its tables a replica says what to do, and does not start.
    shop.runs(&["migrate", "store", "--create"], 0, "").await;
    shop.runs(&["migrate", "--create"], 0, "").await;
    shop.runs(&["migrate", "all"], 0, "").await;

    let mut processes: Vec<Process> = REPLICAS.map(|replica| shop.serve(replica)).into();
    for ((name, _), process) in REPLICAS.iter().zip(&processes) {
        shop.until_ready(name, process).await;
    }
    let ada = Customer::register(&shop.url("store-1"), "ada").await;
    shop.runs(&["demo", "--account", &ada.user_id], 0, "").await;
    shop.runs(&["demo", "--account", &ada.user_id], 0, "").await;

    let order = ada.buy("first", "teapot", 2).await;
    // The other Store knows all that the first one knows, and the token too.
    let other = ada.at(shop.url("store-2"));
    let again = other.order("first", "teapot", 2).await.expect("it answers");
    assert!(again.replayed && again.body["order_id"] == *order, "{}", again.body);
    let timeline = other.until(&order, "DELIVERED").await;
    assert_eq!(timeline.last().map(String::as_str), Some("DELIVERED"));
    until_mailed(&sink, &order).await;

    // One Store goes; the other one does without.
    processes.remove(0).stop().await;
    let second = other.buy("second", "kettle", 1).await;
    other.until(&second, "DELIVERED").await;
    until_mailed(&sink, &second).await;

    for process in processes {
        process.stop().await;
    }
    let debits = "SELECT COUNT(*) FROM debits WHERE outcome = 'DEBITED'";
    assert_eq!(servers.number("bank", debits).await, 2);
    let held = "SELECT SUM(reserved)::BIGINT FROM stock";
    assert_eq!(servers.number("warehouse", held).await, 0);
}

/// However its starter ends, the pipe between them ends with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_attached_replica_stops_when_its_input_ends() {
    with_servers("attached", stop_alone).await;
}

async fn stop_alone(servers: &Servers) {
    let (_sink, smtp) = sink().await;
    let shop = Shop::new(servers, &smtp, &REPLICAS);
    shop.runs(&["migrate", "email", "--create"], 0, "").await;
    let (mut process, input) = shop.serve_attached(("email-1", "email"));
    shop.until_ready("email-1", &process).await;
    assert!(!process.has_ended());
    drop(input);
    let status = process.ended().await;
    assert_eq!(status.code(), Some(0), "{}", process.log());
    assert!(process.log().contains("has drained and stops"), "{}", process.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_without_its_tables_does_not_start() {
    with_servers("empty", start_in_vain).await;
}

async fn start_in_vain(servers: &Servers) {
    let mut shop = Shop::new(servers, "smtp://127.0.0.1:1", &REPLICAS);
    // No database, one without tables, and one with another service's.
    shop.runs(&["serve", "bank"], 2, "does not exist").await;
    let first = "lacks its tables: run `stormproof migrate bank` first";
    for (name, words) in [("postgres", first), ("store", first)] {
        shop.runs(&["migrate", "store", "--create"], 0, "").await;
        let url = match name {
            "store" => servers.database_url().replace("{service}", "store"),
            name => servers.server_url(name),
        };
        let before = shop.settings.insert("STORMPROOF_DATABASE_URL".into(), url);
        shop.runs(&["serve", "bank"], 2, words).await;
        shop.settings.extend(before.map(|url| ("STORMPROOF_DATABASE_URL".into(), url)));
    }
}

async fn until_mailed(sink: &SmtpSink, order: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !sink.mails().iter().any(|mail| mail.content.contains(order)) {
        assert!(Instant::now() < deadline, "no mail about {order}: {:?}", sink.mails());
        sleep(Duration::from_millis(50)).await;
    }
}
