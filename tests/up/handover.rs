//! Who is told to stop hands over what it has claimed: another replica goes on within a second, however
//! long a lease is, and so does a shop that is opened again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use super::customer::Customer;
use super::process::{Folder, Process, Up};
use super::replicas::{Replica, Shop};
use super::sink;
use crate::servers::shop::{Servers, with_servers};

const REPLICAS: [Replica; 7] = [
    ("store-1", "store"),
    ("store-2", "store"),
    ("warehouse-1", "warehouse"),
    ("bank-1", "bank"),
    ("delivery-1", "delivery"),
    ("delivery-2", "delivery"),
    ("email-1", "email"),
];

/// Far longer than any of these tests takes.
const LEASE: Duration = Duration::from_secs(300);

/// The demand. It is measured by what the replicas write down, so that a slow test does not add to it.
const A_SECOND: i64 = 1_000_000;

const PICK_UP_AFTER: Duration = Duration::from_millis(1500);

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_to_another_store_within_a_second() {
    with_servers("handover", async |servers: &Servers| {
        let mut open = Open::new(servers).await;
        let ada = open.customer("store-1").await;
        // The Bank hears the debit and does not answer.
        open.process("bank-1").signal(Signal::SIGSTOP);
        let order = ada.buy("first", "teapot", 1).await;
        let held = "SELECT COUNT(*) FROM orders WHERE step = 'DEBIT' AND lease_owner = 'store-1'";
        until("store-1 to debit", async || servers.number("store", held).await == 1).await;
        let told = open.tell_to_stop("store-1");
        let taken = "SELECT COUNT(*) FROM orders WHERE lease_owner = 'store-2'";
        until("store-2 to take over", async || servers.number("store", taken).await == 1).await;
        let until = servers.number("store", "SELECT lease_until FROM orders").await;
        let waited = until - i64::try_from(LEASE.as_micros()).expect("a short time") - told;
        eprintln!("store-2 goes on after {waited} µs");
        assert!(waited <= A_SECOND, "{waited} µs");
        assert!(!open.shop.is_ready("store-1").await);

        open.process("bank-1").signal(Signal::SIGCONT);
        let ada = ada.at(open.shop.url("store-2"));
        ada.until(&order, "DELIVERED").await;
        open.ends_well("store-1").await;
        let debits = "SELECT COUNT(*) FROM debits";
        assert_eq!(servers.number("bank", debits).await, 1, "asked twice, with one key");
        open.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parcel_goes_to_another_carrier_within_a_second() {
    with_servers("carriers", async |servers: &Servers| {
        let mut open = Open::new(servers).await;
        let ada = open.customer("store-1").await;
        // Both carriers have found nothing a few times by then, and look seldom.
        sleep(Duration::from_secs(8)).await;
        let order = ada.buy("first", "teapot", 1).await;
        let count = async |node: &str| {
            let sql = match node {
                "delivery-1" => "SELECT COUNT(*) FROM audit WHERE node = 'delivery-1'",
                _ => "SELECT COUNT(*) FROM audit WHERE node = 'delivery-2'",
            };
            servers.number("delivery", sql).await
        };
        let mut owner = None;
        until("a carrier to accept", async || {
            for node in ["delivery-1", "delivery-2"] {
                if count(node).await > 0 {
                    owner = Some(node);
                }
            }
            owner.is_some()
        })
        .await;
        let told = open.tell_to_stop(owner.expect("it was waited for"));
        ada.until(&order, "DELIVERED").await;
        let due = servers.number("delivery", "SELECT received_at FROM parcels").await
            + i64::try_from(PICK_UP_AFTER.as_micros()).expect("a short time");
        let picked_up = servers.number("delivery", "SELECT picked_up_at FROM parcels").await;
        let late = picked_up - due.max(told);
        eprintln!("the other carrier is {late} µs late");
        assert!(late <= A_SECOND, "{late} µs");
        open.ends_well(owner.expect("it was waited for")).await;
        open.close().await;
    })
    .await;
}

/// In one process, on SQLite: nobody has to wait for the leases of a shop that was closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_is_opened_again_goes_on_at_once() {
    let folder = Folder::new("reopened");
    let settings = [("STORMPROOF_SAGA_LEASE", "300s"), ("STORMPROOF_RELAY_CLAIM", "300s")];
    let shop = Up::open(&folder.path("data"), &settings).await;
    let ada = Customer::register(&shop.address, "grace").await;
    let mut orders = Vec::new();
    for number in 0..20 {
        orders.push(ada.buy(&format!("key-{number}"), "teapot", 1).await);
    }
    shop.process.stop().await;
    let shop = Up::open(&folder.path("data"), &settings).await;
    let ada = ada.at(shop.address.clone());
    for order in &orders {
        ada.until(order, "DELIVERED").await;
    }
    shop.process.stop().await;
}

/// A shop at work.
struct Open {
    shop: Shop,
    processes: Vec<(&'static str, Option<Process>)>,
}

impl Open {
    async fn new(servers: &Servers) -> Open {
        let (sink, smtp) = sink().await;
        // It serves until the test's runtime ends.
        std::mem::forget(sink);
        let mut shop = Shop::new(servers, &smtp, &REPLICAS);
        let mut set = |name: &str, value: String| shop.settings.insert(name.to_owned(), value);
        set("STORMPROOF_SAGA_LEASE", format!("{}s", LEASE.as_secs()));
        set("STORMPROOF_SAGA_CALL_TIMEOUT", "20s".to_owned());
        set("STORMPROOF_CARRIER_PICK_UP_AFTER", format!("{}ms", PICK_UP_AFTER.as_millis()));
        shop.runs(&["migrate", "all", "--create"], 0, "").await;
        let mut processes = Vec::new();
        for replica in REPLICAS {
            shop.settings.insert("STORMPROOF_NODE".to_owned(), replica.0.to_owned());
            processes.push((replica.0, Some(shop.serve(replica))));
        }
        for (name, process) in &processes {
            shop.until_ready(name, process.as_ref().expect("it was begun")).await;
        }
        Open { shop, processes }
    }

    async fn customer(&self, store: &str) -> Customer {
        let ada = Customer::register(&self.shop.url(store), "ada").await;
        self.shop.runs(&["demo", "--account", &ada.user_id], 0, "").await;
        ada
    }

    fn process(&self, name: &str) -> &Process {
        let found = self.processes.iter().find(|(other, _)| *other == name);
        found.and_then(|(_, process)| process.as_ref()).expect("it is one of ours")
    }

    /// When, in microseconds since the epoch.
    fn tell_to_stop(&self, name: &str) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        self.process(name).signal(Signal::SIGTERM);
        i64::try_from(now.as_micros()).expect("it is not that late")
    }

    async fn ends_well(&mut self, name: &str) {
        let found = self.processes.iter_mut().find(|(other, _)| *other == name);
        let process = found.and_then(|(_, process)| process.take()).expect("it is one of ours");
        process.stop().await;
    }

    async fn close(self) {
        for process in self.processes.into_iter().filter_map(|(_, process)| process) {
            process.stop().await;
        }
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "expected {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
