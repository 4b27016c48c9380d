//! Tables change under a shop at work: columns of another type, more columns, a new index. Statements that
//! connections have compiled for the old tables cost no request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::sleep;

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

/// The busiest tables of each service, each with a text that is read from it, and a small number if there
/// is one.
const TABLES: [(&str, &str, &str, &str); 14] = [
    ("store", "orders", "step", "attempts"),
    ("store", "order_lines", "name", "quantity"),
    ("store", "allocations", "warehouse", "quantity"),
    ("store", "idempotency", "body_hash", "status"),
    ("store", "products", "name", "price"),
    ("store", "outbox", "routing_key", "attempts"),
    ("warehouse", "stock", "warehouse", "on_hand"),
    ("warehouse", "reservations", "state", "version"),
    ("warehouse", "reservation_lines", "sku", "quantity"),
    ("bank", "accounts", "status", "balance"),
    ("bank", "debits", "reason", "amount"),
    ("delivery", "parcels", "status", "sequence"),
    ("delivery", "outbox", "schema_name", "attempts"),
    ("email", "sent", "state", ""),
];

/// Of work before the first change.
const WARMING_UP: Duration = Duration::from_secs(1);

/// Of work between two changes: connections compile for the new tables.
const BETWEEN: Duration = Duration::from_millis(250);

const CUSTOMERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn tables_change_under_load_and_nobody_is_refused() {
    with_servers("alterations", alter).await;
}

async fn alter(servers: &Servers) {
    let (_sink, smtp) = sink().await;
    let (shop, processes) = Shop::started(servers, &smtp, &REPLICAS).await;
    let over = Arc::<AtomicBool>::default();
    let mut tasks = Vec::new();
    for number in 0..CUSTOMERS {
        let name = format!("customer-{number}");
        let customer = Customer::register(&shop.url("store-1"), &name).await;
        shop.runs(&["demo", "--account", &customer.user_id], 0, "").await;
        tasks.push(tokio::spawn(order_on(customer, over.clone())));
    }
    sleep(WARMING_UP).await;
    let mut changes = 0;
    for (service, table, text, number) in TABLES {
        let mut statements = vec![
            format!("ALTER TABLE {table} ALTER COLUMN {text} TYPE VARCHAR(4000)"),
            format!("ALTER TABLE {table} ALTER COLUMN {text} TYPE TEXT"),
            format!("ALTER TABLE {table} ADD COLUMN remark TEXT NOT NULL DEFAULT ''"),
            format!("CREATE INDEX {table}_by_remark ON {table} (remark)"),
        ];
        if !number.is_empty() {
            let change = |to| format!("ALTER TABLE {table} ALTER COLUMN {number} TYPE {to}");
            statements.extend(["INTEGER", "BIGINT"].map(change));
        }
        for statement in statements {
            servers.execute(service, &statement).await;
            changes += 1;
            sleep(BETWEEN).await;
        }
    }
    let ada = Customer::register(&shop.url("store-1"), "ada").await;
    shop.runs(&["demo", "--account", &ada.user_id], 0, "").await;
    let order = ada.buy("last", "lamp", 1).await;
    ada.until(&order, "DELIVERED").await;
    over.store(true, Ordering::Relaxed);
    let (mut all, mut refused) = (0, Vec::new());
    for task in tasks {
        for status in task.await.expect("customers do not panic") {
            all += 1;
            refused.extend(Some(status).filter(StatusCode::is_server_error));
        }
    }
    eprintln!("{changes} changes, {all} requests, refused: {refused:?}");
    assert!(all > changes, "that was no load: {all} requests");
    // A second of refusals after each would be borne.
    assert_eq!(refused, [] as [StatusCode; 0]);
    for process in processes {
        assert!(!process.log().contains("cached plan"), "{}", process.log());
        process.stop().await;
    }
}

/// Orders, and looks at what was ordered, one after the other. How each request was answered.
async fn order_on(customer: Customer, over: Arc<AtomicBool>) -> Vec<StatusCode> {
    let mut answers = Vec::new();
    for count in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let answer = customer.order(&format!("key-{count}"), "teapot", 1).await;
        answers.push(answer.expect("it answers in time").status);
        let answer = customer.ask(reqwest::Method::GET, "/orders", None, None).await;
        answers.push(answer.expect("it answers in time").status);
        sleep(Duration::from_millis(50)).await;
    }
    answers
}
