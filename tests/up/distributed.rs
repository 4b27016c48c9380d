//! The shop as it is served for real: six processes (two of them Stores) on Postgres and RabbitMQ.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::customer::{Customer, client};
use super::process::{Folder, Process, run, stormproof};
use super::sink::Sink;
use crate::servers::shop::{Servers, with_servers};

/// Every process of the shop: its name and its service.
const REPLICAS: [(&str, &str); 6] = [
    ("store-1", "store"),
    ("store-2", "store"),
    ("warehouse-1", "warehouse"),
    ("bank-1", "bank"),
    ("delivery-1", "delivery"),
    ("email-1", "email"),
];

const PATIENCE: Duration = Duration::from_secs(60);

/// What all processes are told.
struct Shop {
    settings: BTreeMap<String, String>,
    addresses: BTreeMap<&'static str, String>,
    folder: Folder,
}

#[tokio::test(flavor = "multi_thread")]
async fn five_services_in_six_processes_deliver_an_order() {
    with_servers("up", deliver).await;
}

async fn deliver(servers: &Servers) {
    let (sink, smtp) = Sink::open().await;
    let shop = Shop::new(servers, &smtp);

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

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_without_its_tables_does_not_start() {
    with_servers("empty", start_in_vain).await;
}

async fn start_in_vain(servers: &Servers) {
    let mut shop = Shop::new(servers, "smtp://127.0.0.1:1");
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

impl Shop {
    fn new(servers: &Servers, smtp: &str) -> Shop {
        let folder = Folder::new(servers.database_url().rsplit('/').next().expect("a name"));
        let addresses: BTreeMap<_, _> = REPLICAS.iter().map(|(name, _)| (*name, room())).collect();
        let mut settings = BTreeMap::new();
        let mut set = |name: &str, value: &str| {
            settings.insert(format!("STORMPROOF_{name}"), value.to_owned());
        };
        set("DATABASE_URL", &servers.database_url());
        set("DATABASE_CONNECTIONS", "4");
        set("BROKER_URL", servers.broker_url());
        set("SMTP_URL", smtp);
        set("AUTH_CUSTOMER_SECRET", "e4b1f7a06d3c92585e1fa7c0b9d6423817aa");
        set("AUTH_SERVICE_SECRET", "7c0b9d6423817aae4b1f7a06d3c92585e1fa");
        set("LOG_FORMAT", "json");
        for service in ["store", "warehouse", "bank", "delivery", "email"] {
            let replicas = REPLICAS.iter().filter(|(_, of)| *of == service);
            let urls: Vec<String> =
                replicas.map(|(name, _)| format!("http://{}", addresses[name])).collect();
            set(&format!("PEERS_{}", service.to_uppercase()), &urls.join(","));
        }
        Shop { settings, addresses, folder }
    }

    fn url(&self, name: &str) -> String {
        format!("http://{}", self.addresses[name])
    }

    fn command(&self, arguments: &[&str], log: &str) -> Command {
        let mut command = stormproof(arguments, &self.folder.path(log));
        command.envs(&self.settings);
        command
    }

    fn serve(&self, (name, service): (&'static str, &str)) -> Process {
        let log = format!("{name}.log");
        let mut command = self.command(&["serve", service], &log);
        command.env("STORMPROOF_LISTEN", &self.addresses[name]);
        Process::spawn(command, &self.folder.path(&log))
    }

    /// Runs a command to its end, which has this exit code and says `words`.
    async fn runs(&self, arguments: &[&str], expected: i32, words: &str) {
        let (code, said) =
            run(self.command(arguments, "run.log"), &self.folder.path("run.log")).await;
        assert_eq!(code, Some(expected), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: expected {words:?} in: {said}");
    }

    async fn until_ready(&self, name: &str, process: &Process) {
        let deadline = Instant::now() + PATIENCE;
        let (client, url) = (client(), format!("{}/health/ready", self.url(name)));
        loop {
            match client.get(&url).send().await {
                Ok(answer) if answer.status() == StatusCode::OK => return,
                _ => {}
            }
            assert!(Instant::now() < deadline, "{name} is not ready:\n{}", process.log());
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn until_mailed(sink: &Sink, order: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !sink.mails().iter().any(|mail| mail.contains(order)) {
        assert!(Instant::now() < deadline, "no mail about {order}: {:?}", sink.mails());
        sleep(Duration::from_millis(50)).await;
    }
}

/// An address on loopback that was free just now.
fn room() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has room");
    listener.local_addr().expect("it is bound").to_string()
}
