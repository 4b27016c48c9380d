//! Rows that no version can read, in one table after the other of a shop at work on Postgres: they are set
//! aside and told of, and customers notice nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::customer::Customer;
use super::replicas::{Replica, Shop};
use super::sink;
use crate::servers::shop::{Servers, with_servers};

const REPLICAS: [Replica; 5] = [
    ("store-1", "store"),
    ("warehouse-1", "warehouse"),
    ("bank-1", "bank"),
    ("delivery-1", "delivery"),
    ("email-1", "email"),
];

/// What each service holds that cannot be read, made of what orders have left there.
const BROKEN: [(&str, &str); 9] = [
    ("store", "UPDATE orders SET step = 'DANCE', next_attempt_at = 0"),
    ("store", "UPDATE outbox SET exchange = 'nowhere', status = 'NEW', next_attempt_at = 0"),
    ("bank", "UPDATE outbox SET schema_version = -1, status = 'NEW', next_attempt_at = 0"),
    ("bank", "UPDATE debits SET order_id = order_id || ' '"),
    ("warehouse", "UPDATE reservation_lines SET sku = 'no sku'"),
    ("delivery", "UPDATE parcels SET sequence = 9223372036854775807, next_move_at = 0"),
    ("delivery", "UPDATE outbox SET attempts = -9, status = 'NEW', next_attempt_at = 0"),
    ("email", "UPDATE outbox SET exchange = '', status = 'NEW', next_attempt_at = 0"),
    ("store", "UPDATE idempotency SET body = 'no JSON', status = -5"),
];

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_nobody_can_read_stop_nobody() {
    with_servers("broken_rows", break_rows).await;
}

async fn break_rows(servers: &Servers) {
    let (_sink, smtp) = sink().await;
    let (shop, processes) = Shop::started(servers, &smtp, &REPLICAS).await;
    let ada = Customer::register(&shop.url("store-1"), "ada").await;
    shop.runs(&["demo", "--account", &ada.user_id], 0, "").await;
    let first = ada.buy("first", "teapot", 1).await;
    ada.until(&first, "DELIVERED").await;
    for (number, (service, broken)) in BROKEN.into_iter().enumerate() {
        servers.execute(service, broken).await;
        let order = ada.buy(&format!("key-{number}"), "teapot", 1).await;
        ada.until(&order, "DELIVERED").await;
    }
    // The services are asked for all that they know.
    let compared = shop.command(&["reconcile"], "reconcile.log").output().await;
    compared.expect("the binary was built for this test");
    let told = "SELECT COUNT(*) FROM alerts WHERE kind = 'unreadable row'";
    for service in ["store", "delivery", "bank", "warehouse"] {
        let deadline = Instant::now() + PATIENCE;
        while servers.number(service, told).await == 0 {
            assert!(Instant::now() < deadline, "{service} tells nobody");
            sleep(Duration::from_millis(100)).await;
        }
    }
    for process in processes {
        assert!(!process.log().contains("panicked"), "{}", process.log());
        process.stop().await;
    }
}
