//! What every HTTP client owes, asked of a peer that answers, answers by halves, or is silent.
//!
//! A suite serves [`peer`] as the service [`PEER`], and has a service [`ABSENT`] whose port
//! refuses connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use futures::future::{join_all, pending};
use futures::stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{Broken, Check, Kept, ensure};
use crate::{Answer, Call, CallError, Clock, Http};

/// The service that a suite serves by [`peer`].
pub const PEER: &str = "peer";
/// The service that refuses connections.
pub const ABSENT: &str = "absent";

/// Longer than any of the bindings takes for an answer that does come.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(700);

/// Every check of this port.
pub const CHECKS: [Check; 7] = [
    Check::new("http takes any status for an answer", |ports| {
        Box::pin(takes_any_status_for_an_answer(&*ports.http))
    }),
    Check::new("http carries requests and answers whole", |ports| {
        Box::pin(carries_requests_and_answers_whole(&*ports.http))
    }),
    Check::new("http keeps calls side by side apart", |ports| {
        Box::pin(keeps_calls_side_by_side_apart(&*ports.http))
    }),
    Check::new("http does not know what silence means", |ports| {
        Box::pin(does_not_know_what_silence_means(&*ports.http, &*ports.clock))
    }),
    Check::new("http does not know what half an answer means", |ports| {
        Box::pin(does_not_know_what_half_an_answer_means(&*ports.http))
    }),
    Check::new("http sends a request once", |ports| Box::pin(sends_a_request_once(&*ports.http))),
    Check::new("http says when nothing can have happened", |ports| {
        Box::pin(says_when_nothing_can_have_happened(&*ports.http, &*ports.clock))
    }),
];

/// What the peer has seen: how often each count was asked for.
type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

/// The service at the other end.
pub fn peer() -> Router {
    Router::new()
        .route("/status/{code}", any(status))
        .route("/echo/{*rest}", any(echo))
        .route("/silence", any(async || pending::<Response>().await))
        .route("/half/{id}", any(half))
        .route("/count/{id}", any(count))
        .with_state(Counts::default())
}

async fn status(Path(code): Path<u16>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::IM_A_TEAPOT);
    if code == 302 {
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/status/200"));
    }
    response
}

/// Answers with what it was asked: method, path and query in a header, the body as the body.
async fn echo(request: Request) -> Response {
    let asked = format!("{} {}", request.method(), request.uri());
    let tag = request.headers().get("x-tag").cloned();
    let mut response = Response::new(request.into_body());
    let headers = response.headers_mut();
    headers.insert("x-asked", asked.parse().expect("a request line is printable"));
    headers.extend(tag.map(|tag| (header::HeaderName::from_static("x-tag"), tag)));
    response
}

/// Counts, and breaks the connection in the middle of the answer.
async fn half(Path(id): Path<String>, State(counts): State<Counts>) -> Response {
    add(&counts, &id);
    let parts = [Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("the other half"))];
    let mut response = Response::new(Body::from_stream(stream::iter(parts)));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("8"));
    response
}

async fn count(Path(id): Path<String>, State(counts): State<Counts>) -> String {
    add(&counts, &id).to_string()
}

fn add(counts: &Counts, id: &str) -> u64 {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(id.to_owned()).or_default();
    *count += 1;
    *count
}

async fn takes_any_status_for_an_answer(http: &dyn Http) -> Kept {
    for code in [200, 202, 204, 302, 400, 404, 409, 422, 500, 503] {
        let answer = ask(http, &format!("/status/{code}")).await?;
        ensure(answer.status.as_u16() == code, || format!("{code} arrives as {}", answer.status))?;
    }
    Ok(())
}

async fn carries_requests_and_answers_whole(http: &dyn Http) -> Kept {
    let large = Bytes::from((0..1_000_000_u32).map(|n| n as u8).collect::<Vec<_>>());
    for body in [Bytes::new(), Bytes::from_static("{\"ä\":\"\\u0000\"}".as_bytes()), large] {
        for method in [Method::POST, Method::PUT] {
            let path = "/echo/a/b%20c?d=e&f=%2F";
            let mut call = call(PEER, path, LONG);
            (call.method, call.body) = (method.clone(), body.clone());
            call.headers.insert("x-tag", HeaderValue::from_static("one, two"));
            let answer = http.call(call).await.map_err(Broken::from_call)?;
            let asked = answer.headers.get("x-asked").and_then(|value| value.to_str().ok());
            ensure(asked == Some(&format!("{method} {path}")), || format!("asked: {asked:?}"))?;
            let tag = answer.headers.get("x-tag").and_then(|value| value.to_str().ok());
            ensure(tag == Some("one, two"), || format!("the header came back as {tag:?}"))?;
            let (there, back) = (body.len(), answer.body.len());
            ensure(answer.body == body, || format!("{there} bytes came back as {back} others"))?;
        }
    }
    Ok(())
}

async fn keeps_calls_side_by_side_apart(http: &dyn Http) -> Kept {
    let calls = (0..16).map(|number| {
        let mut call = call(PEER, "/echo/many", LONG);
        call.method = Method::POST;
        call.body = Bytes::from(format!("number {number}"));
        http.call(call)
    });
    for (number, answer) in join_all(calls).await.into_iter().enumerate() {
        let body = answer.map_err(Broken::from_call)?.body;
        let expected = format!("number {number}");
        ensure(*body == *expected.as_bytes(), || format!("{expected} is answered with {body:?}"))?;
    }
    Ok(())
}

/// The request has left, and the time is up.
async fn does_not_know_what_silence_means(http: &dyn Http, clock: &dyn Clock) -> Kept {
    let start = clock.now();
    let result = http.call(call(PEER, "/silence", SHORT)).await;
    let took = clock.now().since(start);
    ensure(matches!(result, Err(CallError::Unknown(_))), || format!("silence: {result:?}"))?;
    ensure(took >= SHORT && took < SHORT * 5, || format!("a wait of {SHORT:?} took {took:?}"))
}

async fn does_not_know_what_half_an_answer_means(http: &dyn Http) -> Kept {
    let result = http.call(call(PEER, "/half/unknown", LONG)).await;
    ensure(matches!(result, Err(CallError::Unknown(_))), || format!("half: {result:?}"))
}

/// Not again after a broken answer, and not twice by a binding that means well.
async fn sends_a_request_once(http: &dyn Http) -> Kept {
    let broken = http.call(call(PEER, "/half/once", LONG)).await;
    ensure(broken.is_err(), || format!("half an answer is {broken:?}"))?;
    for expected in ["2", "3", "4"] {
        let answer = ask(http, "/count/once").await?;
        ensure(*answer.body == *expected.as_bytes(), || {
            format!("counted {:?}, not {expected}", answer.body)
        })?;
    }
    Ok(())
}

/// And says so before the time is up.
async fn says_when_nothing_can_have_happened(http: &dyn Http, clock: &dyn Clock) -> Kept {
    for nobody in [ABSENT, "never heard of"] {
        let start = clock.now();
        let result = http.call(call(nobody, "/count/never", LONG)).await;
        let took = clock.now().since(start);
        let unavailable = matches!(result, Err(CallError::Unavailable(_)));
        ensure(unavailable, || format!("{nobody}: {result:?}"))?;
        ensure(took < LONG / 2, || format!("{nobody}: it took {took:?} to say so"))?;
    }
    Ok(())
}

async fn ask(http: &dyn Http, path: &str) -> Result<Answer, Broken> {
    http.call(call(PEER, path, LONG)).await.map_err(Broken::from_call)
}

fn call(to: &'static str, path: &str, timeout: Duration) -> Call {
    Call {
        to: to.into(),
        operation: "check".into(),
        method: Method::GET,
        path: path.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout,
    }
}
