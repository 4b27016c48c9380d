//! A newcomer's first minutes, as the README tells them: by its script, and by the same
//! requests with every answer looked at.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::process::Command;

use super::customer::{Customer, client};
use super::process::{Folder, Up};

/// Time to cancel a parcel before it is picked up.
const SLOW: [(&str, &str); 1] = [("STORMPROOF_CARRIER_PICK_UP_AFTER", "2s")];

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_script_works_and_a_restart_changes_nothing() {
    let folder = Folder::new("journey");
    let shop = Up::open(&folder.path("data"), &SLOW).await;
    for line in ["mailbox", "customer  ada / ", "support   support / ", "data "] {
        assert!(shop.banner.contains(line), "{}", shop.banner);
    }
    #[cfg(target_os = "linux")]
    keeps_small_pages(shop.process.id().expect("it runs"));
    let grace = Customer::register(&shop.address, "grace").await;

    let delivered = grace.buy("first", "teapot", 2).await;
    let again = grace.order("first", "teapot", 2).await.expect("the shop is open");
    assert!(again.replayed && again.body["order_id"] == *delivered, "{}", again.body);
    let timeline = grace.until(&delivered, "DELIVERED").await;
    let whole = ["PENDING_PAYMENT", "PAID", "RECEIVED", "PICKED_UP", "IN_TRANSIT", "DELIVERED"];
    assert_eq!(timeline, whole);

    // More than one shelf holds, so that goods come back to two.
    let cancelled = grace.buy("second", "umbrella", 11).await;
    cancel_in_time(&grace, &cancelled).await;

    let poor = grace.order("third", "lamp", 10).await.expect("the shop is open");
    assert_eq!(poor.status, StatusCode::ACCEPTED, "{}", poor.body);
    let poor = super::customer::text(&poor.body["order_id"]);
    assert_eq!(grace.until(&poor, "FAILED").await, ["PENDING_PAYMENT", "FAILED"]);
    grace.until_mailed(&format!("orderfail.{poor}")).await;
    let mails = grace.until_mailed(&format!("ordersuccess.{delivered}")).await;
    assert!(mails.contains("<iframe sandbox=\"\""), "{mails}");

    pages_and_limits(&shop.address).await;
    let before = (grace.get("/orders").await, grace.get("/products").await);
    shop.process.stop().await;

    let shop = Up::open(&folder.path("data"), &SLOW).await;
    let grace = Customer::log_in(&shop.address, "grace", "correct horse").await;
    assert_eq!((grace.get("/orders").await, grace.get("/products").await), before);
    support_logs_in(&shop).await;
    // Ctrl-C is as good as SIGTERM.
    let mut process = shop.process;
    process.signal(Signal::SIGINT);
    assert_eq!(process.ended().await.code(), Some(0), "{}", process.log());
    no_secret_was_logged(&folder, &process.log());
}

/// A process in huge pages holds half as much again as it uses.
#[cfg(target_os = "linux")]
fn keeps_small_pages(process: u32) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    assert!(status.contains("THP_enabled:\t0"), "{status}");
}

/// The script that the README shows, run by a shell as a newcomer would.
#[tokio::test(flavor = "multi_thread")]
async fn the_script_for_newcomers_runs() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/up/first_order.sh");
    let mut shell = Command::new("sh");
    shell.args(["-eu", script]).stdin(Stdio::null()).kill_on_drop(true);
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().await.is_err() {
        eprintln!("skipped: there is no curl");
        return;
    }
    let folder = Folder::new("script");
    let shop = Up::open(&folder.path("data"), &SLOW).await;
    shell.env("SHOP", &shop.address).env("no_proxy", "127.0.0.1");
    let output = tokio::time::timeout(Duration::from_secs(90), shell.output()).await;
    let output = output.expect("it ends by itself").expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let words = ["\"sku\":\"umbrella\"", "\"payment\":\"REFUNDED\"", "IN_TRANSIT", "DELIVERED"];
    for word in words {
        assert!(said.contains(word), "expected {word}:\n{said}");
    }
    let mails = said.lines().filter(|line| line.starts_with("<h2>")).count();
    assert_eq!(mails, 3, "two orders and a refund:\n{said}");
    shop.process.stop().await;
}

/// Paid and with the carrier, but not picked up: the money comes back, and the goods.
async fn cancel_in_time(customer: &Customer, order: &str) {
    customer.until(order, "RECEIVED").await;
    let path = format!("/orders/{order}/cancel");
    let answer = customer.ask(Method::POST, &path, None, None).await.expect("the shop is open");
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let timeline = customer.until(order, "CANCELLED").await;
    assert_eq!(timeline, ["PENDING_PAYMENT", "PAID", "RECEIVED", "CANCEL_PENDING", "CANCELLED"]);
    let view = customer.get(&format!("/orders/{order}")).await;
    assert_eq!(view["payment"], "REFUNDED", "{view}");
    customer.until_mailed(&format!("refund.{order}")).await;
}

async fn pages_and_limits(address: &str) {
    let client = client();
    let front = client.get(address).send().await.expect("the shop is open");
    let front = front.text().await.expect("the page is text");
    assert!(front.contains("/mailbox") && front.contains("ada"), "{front}");
    let page = client.get(format!("{address}/mailbox?to=%3Cscript%3E")).send().await;
    let page = page.expect("the shop is open").text().await.expect("the page is text");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    let stranger = client.get(format!("{address}/mailbox")).header("host", "elsewhere.example");
    let answer = stranger.send().await.expect("it is answered");
    assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
    for check in ["live", "ready"] {
        let url = format!("{address}/health/{check}");
        let answer = client.get(url).send().await.expect("the shop is open");
        assert_eq!(answer.status(), StatusCode::OK, "{check}");
    }
    let answer = client.get(format!("{address}/metrics")).send().await.expect("the shop is open");
    let metrics = answer.text().await.expect("it is text");
    for (service, transaction) in [("store", "place_order"), ("email", "note_sent")] {
        let labels = format!("{{service=\"{service}\",node=\"{service}\",");
        let labels = format!("{labels}transaction=\"{transaction}\",outcome=\"committed\"}}");
        let line = metrics.lines().find_map(|line| {
            line.strip_prefix("stormproof_transactions_total")?.strip_prefix(&labels)
        });
        let count: Option<u64> = line.and_then(|count| count.trim().parse().ok());
        assert!(count.is_some_and(|count| count > 0), "{labels}: {metrics}");
    }
    let long = json!({"username": "x".repeat(100_000), "password": "", "email": ""});
    let answer = client.post(format!("{address}/register")).json(&long).send().await;
    assert_eq!(answer.expect("it is answered").status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// With the password that the banner shows, and to what only support sees.
async fn support_logs_in(shop: &Up) {
    let password = shop.banner.split("support / ").nth(1).and_then(|rest| rest.lines().next());
    let password = password.expect("the banner shows it");
    let support = Customer::log_in(&shop.address, "support", password).await;
    assert_eq!(support.get("/support/refunds").await, json!([]));
}

fn no_secret_was_logged(folder: &Folder, log: &str) {
    let secrets = std::fs::read_to_string(folder.path("data").join("secrets.toml"));
    let secrets = secrets.expect("the shop keeps them there");
    for line in secrets.lines() {
        let secret = line.split('"').nth(1).expect("a line is a name and a text");
        assert!(secret.len() >= 12 && !log.contains(secret), "{line} is in the log:\n{log}");
    }
    assert!(!log.contains("correct horse") && !log.contains("Bearer "), "{log}");
    assert!(log.contains("is paid"), "the story is told:\n{log}");
}
