//! How an operator's command asks: again where the answer is to try again, and only there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};
use stormproof::admin_ports;
use stormproof::config::Config;
use stormproof_shop::questions::{self, must};
use stormproof_system::error::{Error, Kind, Problem};
use stormproof_system::question::Question;

use crate::contract::serve;

#[tokio::test]
async fn what_answers_to_try_again_is_asked_again() {
    let (answer, asked) = ask_one_that_refuses(2, || Error::Unavailable("busy".into())).await;
    assert_eq!((answer, asked), (Ok(json!("opened")), 3));
}

#[tokio::test]
async fn a_refusal_is_heard_once() {
    let closed = || Error::from(Problem::new(Kind::Conflict, "It is closed."));
    let (answer, asked) = ask_one_that_refuses(2, closed).await;
    let why = answer.expect_err("it was refused");
    assert!(why.starts_with("bank: /accounts: ") && why.ends_with("It is closed."), "{why}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn what_may_have_happened_is_not_asked_again_without_a_key() {
    let (answer, asked) = ask_one_that_refuses(2, || Error::Unknown("lost".into())).await;
    assert_eq!((answer.is_err(), asked), (true, 1));
}

#[tokio::test]
async fn what_may_have_happened_is_asked_again_with_its_key() {
    let (answer, asked) = ask(&open().with_key("1"), 2, || Error::Unknown("lost".into())).await;
    assert_eq!((answer, asked), (Ok(json!("opened")), 3));
}

#[tokio::test]
async fn patience_ends() {
    let (answer, asked) =
        ask_one_that_refuses(usize::MAX, || Error::Unavailable("busy".into())).await;
    let why = answer.expect_err("it was never opened");
    assert!(why.contains("patience ended: ") && why.ends_with("please try again."), "{why}");
    assert!(asked > 1, "asked {asked} times");
}

/// The answer of a Bank that refuses `refusals` times first, and how often it was asked.
async fn ask_one_that_refuses(
    refusals: usize,
    refusal: fn() -> Error,
) -> (Result<Value, String>, usize) {
    ask(&open(), refusals, refusal).await
}

fn open() -> Question {
    questions::post("bank", "/accounts", &json!({})).within(Duration::from_secs(3))
}

async fn ask(
    question: &Question,
    refusals: usize,
    refusal: fn() -> Error,
) -> (Result<Value, String>, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let open = move || async move {
        match count.fetch_add(1, Ordering::Relaxed) < refusals {
            true => refusal().into_response(),
            false => axum::Json("opened").into_response(),
        }
    };
    let (server, address) = serve(Router::new().route("/accounts", post(open))).await;
    let mut config = Config::of_one_machine();
    config.peers = [("bank", vec![address])].into();
    let ports = admin_ports::ports(&config, "test").expect("the address is one");
    let answer = must(&ports, question).await;
    server.abort();
    (answer, asked.load(Ordering::Relaxed))
}
