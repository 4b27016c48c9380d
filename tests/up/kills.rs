//! Fifty deaths in a row: the shop is killed without warning, at random moments, while customers
//! order and cancel. What was acknowledged exists in the end, once, and the books balance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::{Method, StatusCode};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::books;
use super::customer::{Answer, Customer, text};
use super::draws::Draws;
use super::process::{Folder, Up};

const KILLS: u32 = 50;

/// Decides the moments. The test prints it.
const SEED: u64 = 20_261_123;

/// Each has money for twenty teapots: the last orders are declined, which is an end too.
const CUSTOMERS: usize = 10;

/// How long a shop that is open may work before it is killed, at the longest.
const WORK_MAX: Duration = Duration::from_millis(350);

/// Between one customer's orders: at the longest, as drawn.
const THINKS_MAX: Duration = Duration::from_millis(800);

/// Far more than one customer comes to.
const ORDERS_MAX: usize = 1000;

const AGAIN: Duration = Duration::from_millis(20);

/// How long all may take after the last kill.
const CALM: Duration = Duration::from_secs(90);

/// What customers see of the shop: where it is, and whether the storm is over.
#[derive(Clone)]
struct Street {
    address: watch::Receiver<String>,
    over: watch::Receiver<bool>,
    /// Counts the orders that were answered.
    answered: Arc<AtomicUsize>,
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing() {
    eprintln!("seed {SEED}");
    let folder = Folder::new("kills");
    let data = folder.path("data");
    let start = Instant::now();
    let mut shop = Up::open(&data, &[]).await;
    // Some die while they open, most while they work, whatever this machine is busy with.
    let life_max = start.elapsed() + WORK_MAX;
    let (move_to, address) = watch::channel(shop.address.clone());
    let (end, over) = watch::channel(false);
    let answered = Arc::<AtomicUsize>::default();
    let street = Street { address, over, answered: answered.clone() };
    let mut tasks = Vec::new();
    let mut customers = Vec::new();
    for number in 0..CUSTOMERS {
        let customer = Customer::register(&shop.address, &format!("customer-{number}")).await;
        customers.push(customer.clone());
        tasks.push(tokio::spawn(order_on(customer, number, street.clone())));
    }
    let mut draws = Draws(SEED);
    let (mut opened, mut busy) = (0, 0);
    for _ in 0..KILLS {
        let before = answered.load(Ordering::Relaxed);
        sleep(draws.up_to(WORK_MAX)).await;
        busy += u32::from(answered.load(Ordering::Relaxed) > before);
        shop.process.signal(Signal::SIGKILL);
        shop.process.ended().await;
        // The next one dies at a time counted from its start, open or not.
        let life = draws.up_to(life_max);
        shop.process = Up::begin(&data, &[]);
        if let Ok(Some((address, _))) = timeout(life, Up::opened(&mut shop.process)).await {
            opened += 1;
            move_to.send_replace(address);
        }
    }
    shop.process.signal(Signal::SIGKILL);
    shop.process.ended().await;
    let shop = Up::open(&data, &[]).await;
    move_to.send_replace(shop.address.clone());
    end.send_replace(true);
    let mut promised = BTreeSet::new();
    for task in tasks {
        let orders = timeout(CALM, task).await.expect("every key is answered in the calm");
        promised.extend(orders.expect("customers do not panic"));
    }
    for customer in &mut customers {
        customer.address.clone_from(&shop.address);
        settle(customer).await;
    }
    shop.process.stop().await;
    let orders = books::balance(&data, &promised).await;
    let mut ends = BTreeMap::<&str, usize>::new();
    orders.values().for_each(|order| *ends.entry(&order.status).or_default() += 1);
    eprintln!(
        "{KILLS} kills, {opened} after the shop had opened, {busy} just after an order was \
         answered, {} orders: {ends:?}",
        orders.len()
    );
    // A storm that touches nothing proves nothing.
    assert!(opened >= KILLS / 4 && busy >= KILLS / 5, "{opened} opened, {busy} busy");
    assert!(ends.get("DELIVERED") > Some(&20) && ends.contains_key("CANCELLED"), "{ends:?}");
}

/// Orders without end, each key until it is answered, and cancels every fourth order. The ids of
/// all orders that were answered for.
async fn order_on(mut customer: Customer, number: usize, street: Street) -> BTreeSet<String> {
    let mut orders = BTreeSet::new();
    let mut draws = Draws(SEED + number as u64 + 1);
    for count in 0..ORDERS_MAX {
        if *street.over.borrow() {
            break;
        }
        let key = format!("key-{number}-{count}");
        let answer = until_answered(&mut customer, &street, &key).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{key}: {}", answer.body);
        let order = text(&answer.body["order_id"]);
        street.answered.fetch_add(1, Ordering::Relaxed);
        assert!(orders.insert(order.clone()), "{key} is another order's answer");
        if count % 4 == 3 {
            customer.address.clone_from(&street.address.borrow());
            let path = format!("/orders/{order}/cancel");
            // Lost or too late: both are fine, it is an attempt.
            customer.ask(Method::POST, &path, None, None).await.ok();
        }
        sleep(draws.up_to(THINKS_MAX)).await;
    }
    orders
}

async fn until_answered(customer: &mut Customer, street: &Street, key: &str) -> Answer {
    loop {
        customer.address.clone_from(&street.address.borrow());
        match customer.order(key, "teapot", 1).await {
            Ok(answer) if is_definitive(&answer) => return answer,
            _ => sleep(AGAIN).await,
        }
    }
}

/// As `protocol.md` §4 has it.
fn is_definitive(answer: &Answer) -> bool {
    !answer.status.is_server_error() && answer.body["type"] != "urn:stormproof:in-progress"
}

/// Waits until all of a customer's orders have come to an end, and a mail has told of each.
async fn settle(customer: &Customer) {
    let deadline = Instant::now() + CALM;
    loop {
        let orders = customer.get("/orders").await;
        let is_open = |order: &&serde_json::Value| {
            let status = order["status"].as_str().unwrap_or_default();
            !["DELIVERED", "FAILED", "CANCELLED"].contains(&status)
        };
        let orders = orders.as_array().expect("a list");
        let Some(open) = orders.iter().find(is_open) else {
            // Of an order that was cancelled and never charged there is nothing to tell, even if the
            // Bank declined it meanwhile.
            let told = |order: &&serde_json::Value| {
                order["status"] != "CANCELLED" || order["payment"] == "REFUNDED"
            };
            for order in orders.iter().filter(told) {
                customer.until_mailed(&text(&order["order_id"])).await;
            }
            return;
        };
        assert!(Instant::now() < deadline, "an order does not settle: {open}");
        sleep(Duration::from_millis(100)).await;
    }
}
