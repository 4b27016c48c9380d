//! The storm: two replicas of every service under load, on servers of the test's own. Replicas are
//! killed without warning at random moments, RabbitMQ is restarted, Postgres is killed; every order
//! settles, all services tell the same story, and no message dies.
//!
//! Whoever serves a shop has something that starts a replica again when it has ended; here the storm
//! does. `STORMPROOF_STORM_ORDERS` makes it a long one, `STORMPROOF_STORM_RATE` a dense one.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use stormproof::rehearse::smtp_sink::SmtpSink;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::draws::Draws;
use super::process::{Folder, Process};
use super::replicas::{Replica, Shop};
use super::sink;
use crate::servers::own::{PostgresServer, RabbitServer};
use crate::servers::shop::Servers;
use crate::servers::{Place, or_skip};

const REPLICAS: [Replica; 10] = [
    ("store-1", "store"),
    ("store-2", "store"),
    ("warehouse-1", "warehouse"),
    ("warehouse-2", "warehouse"),
    ("bank-1", "bank"),
    ("bank-2", "bank"),
    ("delivery-1", "delivery"),
    ("delivery-2", "delivery"),
    ("email-1", "email"),
    ("email-2", "email"),
];

/// Unless the environment asks for another number.
const ORDERS: i64 = 80;

/// Orders a second, unless the environment asks for another number.
const RATE: i64 = 8;

/// Decides the moments and the victims. The test prints it.
const SEED: u64 = 20_261_125;

/// Between two kills: at the longest, as drawn.
const PAUSE_MAX: Duration = Duration::from_millis(1200);

/// How often the orders are counted, and replicas are looked after.
const LOOK: Duration = Duration::from_millis(100);

const SENT: &str = "SELECT COUNT(*) FROM sent WHERE state = 'SENT'";

/// What is 0 in the books of a shop at rest.
const BALANCED: [(&str, &str); 2] = [
    ("bank", "SELECT SUM(amount)::BIGINT FROM entries"),
    (
        "warehouse",
        "SELECT COUNT(*) FROM stock WHERE reserved <> 0 OR received <> on_hand + committed",
    ),
];

/// How long the last order may take to settle once it is placed.
const SETTLED_MAX: Duration = Duration::from_secs(60);

/// How long mails may take after the last order has settled.
const CALM: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn replicas_the_broker_and_the_database_die_and_every_order_settles() {
    let (orders, rate) = (asked("ORDERS", ORDERS), asked("RATE", RATE));
    let folder = Folder::new("storm");
    let place = Place::open(&folder.path("servers"), 0).expect("the folder is ours");
    let Some((postgres, rabbit)) = servers(&Arc::new(place)).await else { return };
    let servers = Servers::at(&postgres.url(), &rabbit.url(), "storm".to_owned());
    let (sink, smtp) = sink().await;
    let shop = Shop::new(&servers, &smtp, &REPLICAS);
    shop.runs(&["migrate", "--create"], 0, "").await;

    let begun = Instant::now();
    let (seen, over) = (AtomicI64::new(0), AtomicBool::new(false));
    let storm = Storm { shop: &shop, servers: &servers, orders, rate, seen, over };
    let (report, (replicas, deaths), _servers) =
        tokio::join!(storm.load(), storm.kill(), storm.strike(postgres, rabbit));
    let took = begun.elapsed();
    storm.judge(&report, &sink).await;
    let died_of_the_servers = deaths.of_the_servers;
    let seconds = report["seconds"].as_f64().expect("from the first order to the last one settled");
    let arriving = (orders - 1) as f64 / rate as f64;
    let late = seconds - arriving;
    eprintln!(
        "seed {SEED}, {took:.1?}: {orders} orders at {rate}/s, the last settled {late:.1} s after the \
         last was placed, {} replicas killed, {died_of_the_servers} ended \
         without a server, RabbitMQ restarted, Postgres killed; {} of {} promises kept, {} of {} \
         refunds made, {} parked, {} cancels, {} asked again, by status {}; {} mails; no difference, \
         no dead letter; {:.1} commits an order",
        deaths.killed,
        report["promises_kept"],
        report["promises_made"],
        report["refunds_made"],
        report["refunds_due"],
        report["refunds_parked"],
        report["cancels_accepted"],
        report["asked_again"],
        report["by_status"],
        sink.mails().len(),
        report["commits_per_order"].as_f64().unwrap_or_default(),
    );
    // A storm that touches nothing proves nothing.
    assert!(deaths.killed as f64 >= arriving, "{} kills in {arriving} s", deaths.killed);
    assert!(late <= SETTLED_MAX.as_secs_f64(), "the last order settled after {late} s");
    for ((name, _), replica) in REPLICAS.iter().zip(replicas) {
        let log = replica.log();
        assert!(!log.contains("panicked"), "{name}:\n{log}");
        // Why it has ended by itself: the database was away, or somebody had taken its port.
        for why in log.lines().filter(|line| line.starts_with("stormproof: ")) {
            let is_of_the_storm = ["cannot be reached", "cannot listen"];
            assert!(is_of_the_storm.iter().any(|words| why.contains(words)), "{name}: {why}");
        }
        replica.stop().await;
    }
}

/// What the environment asks of the storm, or else `usual`.
fn asked(what: &str, usual: i64) -> i64 {
    let text = std::env::var(format!("STORMPROOF_STORM_{what}")).ok();
    text.map_or(usual, |text| text.parse().expect("it is a number"))
}

/// `None`, with the reason told, if they cannot be had.
async fn servers(place: &Arc<Place>) -> Option<(PostgresServer, RabbitServer)> {
    let (first, second) = (place.clone(), place.clone());
    let postgres = spawn_blocking(move || PostgresServer::start(&first));
    let rabbit = spawn_blocking(move || RabbitServer::start(&second));
    let (postgres, rabbit) = tokio::join!(postgres, rabbit);
    let postgres = or_skip("storm", postgres.expect("it does not panic"))?;
    Some((postgres, or_skip("storm", rabbit.expect("it does not panic"))?))
}

struct Storm<'a> {
    shop: &'a Shop,
    servers: &'a Servers,
    orders: i64,
    /// Orders placed in a second.
    rate: i64,
    /// Orders that the Store had when it was last asked with success.
    seen: AtomicI64,
    /// Whether the load has ended.
    over: AtomicBool,
}

#[derive(Default)]
struct Deaths {
    killed: i64,
    /// Replicas that ended by themselves, because a server that they need was away.
    of_the_servers: i64,
}

impl Storm<'_> {
    /// Customers who order and cancel, and look until every order has settled; what they saw.
    async fn load(&self) -> serde_json::Value {
        let ready = REPLICAS.map(|(name, _)| self.until_ready(name));
        futures::future::join_all(ready).await;
        let (orders, rate) = (self.orders.to_string(), self.rate.to_string());
        let load =
            ["load", "--orders", &orders, "--rate", &rate, "--cancel-percent", "10", "--json"];
        let report = self.shop.tells(&load).await;
        self.over.store(true, Ordering::Relaxed);
        report
    }

    async fn until_ready(&self, name: &str) {
        let deadline = Instant::now() + CALM;
        while !self.shop.is_ready(name).await {
            assert!(Instant::now() < deadline, "{name} is not ready");
            sleep(LOOK).await;
        }
    }

    /// Kills replicas while orders are placed, and starts those again that have ended, until the load
    /// is over; the replicas that serve then.
    async fn kill(&self) -> (Vec<Process>, Deaths) {
        eprintln!("seed {SEED}");
        let (mut draws, mut deaths) = (Draws(SEED), Deaths::default());
        let mut replicas: Vec<Process> = REPLICAS.map(|replica| self.shop.serve(replica)).into();
        let mut next = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            sleep(LOOK).await;
            for (replica, process) in REPLICAS.iter().zip(&mut replicas) {
                if process.has_ended() {
                    deaths.of_the_servers += 1;
                    *process = self.shop.serve(*replica);
                }
            }
            if Instant::now() < next || !(1..self.orders).contains(&self.placed().await) {
                continue;
            }
            next = Instant::now() + draws.up_to(PAUSE_MAX);
            let victim = draws.below(REPLICAS.len());
            replicas[victim].signal(Signal::SIGKILL);
            let status = replicas[victim].ended().await;
            deaths.killed += i64::from(status.signal() == Some(Signal::SIGKILL as i32));
            replicas[victim] = self.shop.serve(REPLICAS[victim]);
        }
        (replicas, deaths)
    }

    /// Restarts RabbitMQ when a third of the orders are placed, and kills Postgres after two thirds.
    async fn strike(
        &self,
        mut postgres: PostgresServer,
        mut rabbit: RabbitServer,
    ) -> (PostgresServer, RabbitServer) {
        self.until_placed(self.orders / 3).await;
        let restart = move || {
            rabbit.stop();
            rabbit.start_again();
            rabbit
        };
        let rabbit = spawn_blocking(restart).await.expect("RabbitMQ comes back");
        self.until_placed(self.orders * 2 / 3).await;
        let before = self.postmaster().await;
        let kill = move || {
            postgres.kill();
            postgres.start_again();
            postgres
        };
        let postgres = spawn_blocking(kill).await.expect("Postgres comes back");
        assert_ne!(self.postmaster().await, before, "it is another process");
        (postgres, rabbit)
    }

    /// When Postgres was started.
    async fn postmaster(&self) -> i64 {
        let sql = "SELECT (EXTRACT(EPOCH FROM pg_postmaster_start_time()) * 1000000)::BIGINT";
        self.servers.number("store", sql).await
    }

    async fn until_placed(&self, orders: i64) {
        while self.placed().await < orders {
            assert!(!self.over.load(Ordering::Relaxed), "the load ended before {orders} orders");
            sleep(LOOK).await;
        }
    }

    /// How many orders the Store has; as many as before while its database is away.
    async fn placed(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM orders";
        if let Ok(placed) = self.servers.try_number("store", sql).await {
            self.seen.store(placed, Ordering::Relaxed);
        }
        self.seen.load(Ordering::Relaxed)
    }

    /// What must hold when all is over, by what the services say and by their books.
    async fn judge(&self, report: &serde_json::Value, sink: &SmtpSink) {
        assert_eq!(report["promises_made"], self.orders, "{report:#}");
        assert_eq!(report["promises_kept"], self.orders, "{report:#}");
        assert_eq!(self.placed().await, self.orders, "no order was placed twice");
        let found = self.shop.tells(&["reconcile", "--quiet", "0", "--json"]).await;
        assert_eq!((&found["compared"], &found["differences"]), (&json!(self.orders), &json!([])));
        // An order takes more steps than this, each of which commits; and an order is not everything.
        let commits = report["commits_per_order"].as_f64();
        assert!(commits.is_some_and(|count| (8.0..200.0).contains(&count)), "{report:#}");
        // Whoever died has forgotten what it had counted, which is told.
        let named = report["named_transactions"].as_array().expect("a list");
        assert!(named.iter().any(|it| it["transaction"] == "place_order"), "{report:#}");
        let remarks = report["remarks"].as_array().expect("a list").iter();
        let mut remarks = remarks.filter_map(serde_json::Value::as_str);
        assert!(remarks.any(|it| it.contains("was started again during the load")), "{report:#}");
        self.until_told(report).await;
        assert_eq!(self.shop.tells(&["dlq", "list", "--json"]).await, json!([]));
        for (service, sql) in BALANCED {
            assert_eq!(self.servers.number(service, sql).await, 0, "{service}: {sql}");
        }
        // A mail whose sender dies before it has noted it is sent again: never fewer than noted.
        let noted = self.servers.number("email", SENT).await;
        let taken = i64::try_from(sink.mails().len()).expect("they are in memory");
        assert!(taken >= noted, "{taken} mails were taken, {noted} are noted as sent");
    }

    /// Waits until every customer has been mailed what became of the order.
    async fn until_told(&self, report: &serde_json::Value) {
        let count = |value: &serde_json::Value| value.as_i64().unwrap_or(0);
        let due = count(&report["by_status"]["DELIVERED"]) + count(&report["refunds_made"]);
        let deadline = Instant::now() + CALM;
        loop {
            let sent = self.servers.number("email", SENT).await;
            if sent >= due {
                return;
            }
            assert!(Instant::now() < deadline, "{sent} of {due} mails are sent");
            sleep(LOOK).await;
        }
    }
}
