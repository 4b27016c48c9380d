//! What reaches the port, and what comes back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tower::ServiceExt as _;

use super::*;
use crate::{Answer, Call, CallError};

/// Answers as it was told to, and remembers what it was asked.
struct Peer {
    answer: Result<Answer, CallError>,
    asked: Mutex<Vec<Call>>,
}

impl Http for Peer {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
        self.asked.lock().expect("nobody panics").push(call);
        Box::pin(ready(self.answer.clone()))
    }
}

fn peer(answer: Result<Answer, CallError>) -> Arc<Peer> {
    Arc::new(Peer { answer, asked: Mutex::default() })
}

fn answers(status: u16, body: &'static str) -> Arc<Peer> {
    let status = StatusCode::from_u16(status).expect("a status");
    peer(Ok(Answer { status, headers: HeaderMap::new(), body: body.into() }))
}

fn asked(peer: &Peer) -> Call {
    peer.asked.lock().expect("nobody panics").pop().expect("it was asked")
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nobody waits")
}

fn value<'a>(call: &'a Call, name: &str) -> Vec<&'a str> {
    call.headers.get_all(name).iter().map(|value| value.to_str().expect("text")).collect()
}

#[test]
fn all_parts_of_a_request_arrive() {
    let peer = answers(200, "{}");
    let service = format!("billing-{}", "eu");
    let sent = Client::over(peer.clone())
        .timeout(Duration::from_secs(9))
        .put(service, "/charges/7?a=1")
        .header("x-tag", "one")
        .header("x-tag", String::from("two"))
        .bearer_auth("secret")
        .query(&[("b", "2 3"), ("c", "ä&")])
        .json(&[1, 2])
        .send();
    assert_eq!(now(sent).expect("an answer").status(), 200);
    let call = asked(&peer);
    assert_eq!((&*call.to, &call.method), ("billing-eu", &Method::PUT));
    assert_eq!(call.operation, "put_charges");
    assert_eq!(call.path, "/charges/7?a=1&b=2+3&c=%C3%A4%26");
    assert_eq!(value(&call, "x-tag"), ["one", "two"]);
    assert_eq!(value(&call, "authorization"), ["Bearer secret"]);
    assert!(!format!("{call:?}").contains("secret"));
    assert_eq!(value(&call, "content-type"), ["application/json"]);
    assert_eq!((&*call.body, call.timeout), (&b"[1,2]"[..], Duration::from_secs(9)));
}

#[test]
fn what_is_no_request_is_not_sent() {
    let peer = answers(200, "");
    let client = Client::over(peer.clone());
    let bad = [
        (client.get("a", "/").header("no name", "x"), "header name"),
        (client.get("a", "/").header("x-tag", "a\nb"), "header x-tag"),
        (client.get("a", "/").bearer_auth("a\nb"), "token"),
        (client.get("a", "/").query(&7), "query"),
        (client.get("a", "b"), "begins with /"),
        (client.get("a", "/b c"), "/b c"),
    ];
    for (request, why) in bad {
        let error = now(request.operation("x").send()).expect_err(why);
        assert!(error.to_string().contains(why) && error.is_unavailable(), "{why}: {error}");
    }
    assert!(peer.asked.lock().expect("nobody panics").is_empty());
}

#[test]
fn an_answer_is_read_or_says_what_was_expected() {
    let client = |peer| Client::over(peer);
    let get = |status, body| now(client(answers(status, body)).get("a", "/").send()).expect("one");
    assert_eq!(now(get(200, "[1]").json::<Vec<i64>>()).expect("numbers"), [1]);
    assert_eq!(now(get(200, "ä").text()).expect("text"), "ä");
    assert_eq!(now(get(404, "ä").bytes()).expect("bytes"), "ä".as_bytes());
    let error = now(get(201, "{\"a\":1}").json::<Vec<i64>>()).expect_err("no list");
    let words = error.to_string();
    assert!(words.contains("201") && words.contains("i64") && words.contains("{"), "{words}");
    let error = get(409, "taken").error_for_status().expect_err("a conflict");
    assert_eq!(error.to_string(), "answered 409 Conflict: taken");
    assert_eq!(error.status(), Some(StatusCode::CONFLICT));
    assert!(get(302, "").error_for_status().is_ok());
}

#[test]
fn no_answer_keeps_its_meaning() {
    let call = |error| Client::over(peer(Err(error))).get("a", "/").send();
    let error = now(call(CallError::Unavailable("refuses".into()))).expect_err("none");
    assert!(error.is_unavailable() && !error.is_unknown());
    let error = now(call(CallError::Unknown("silent".into()))).expect_err("none");
    assert!(error.is_unknown() && !error.is_unavailable());
    assert_eq!(error.status(), None);
}

#[test]
fn requests_without_a_name_are_called_by_method_and_path() {
    for (path, name) in [("/a/b", "get_a"), ("/", "get"), ("//a?b=c/d", "get_a"), ("/?x", "get")] {
        assert_eq!(default_operation(&Method::GET, path), name);
    }
}

#[test]
fn a_service_sends_what_it_is_given() {
    let peer = answers(202, "done");
    let service = HttpService::over(peer.clone()).timeout(Duration::from_secs(2));
    let request = |uri: &str| {
        let request = http::Request::post(uri).header("x-tag", "one").header("host", "elsewhere");
        request.body(Full::new(Bytes::from("body"))).expect("a request")
    };
    let response = now(service.clone().oneshot(request("http://billing/charges?a=b")));
    let response = response.expect("an answer");
    assert_eq!(response.status(), 202);
    assert_eq!(now(response.into_body().collect()).expect("whole").to_bytes(), "done");
    let call = asked(&peer);
    assert_eq!((&*call.to, &*call.operation), ("billing", "post_charges"));
    assert_eq!((&*call.path, &*call.body), ("/charges?a=b", &b"body"[..]));
    assert_eq!((call.timeout, value(&call, "host").len()), (Duration::from_secs(2), 0));

    let mut named = request("/charges");
    named.extensions_mut().insert(Operation("charge".into()));
    named.extensions_mut().insert(Timeout(Duration::from_secs(1)));
    now(service.clone().to("bank").oneshot(named)).expect("an answer");
    let call = asked(&peer);
    assert_eq!((&*call.to, &*call.operation), ("bank", "charge"));
    assert_eq!(call.timeout, Duration::from_secs(1));

    let error = now(service.oneshot(request("/charges"))).expect_err("to whom?");
    assert!(matches!(error, HttpServiceError::Request(_)), "{error}");
}
