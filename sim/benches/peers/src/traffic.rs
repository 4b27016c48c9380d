//! What all worlds do alike: one router, served by hyper, and one hyper client that asks it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use axum::Router;
use axum::extract::Path;
use axum::routing::post;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1 as client;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use tower::Service as _;

/// What each request carries.
pub const BODY: Bytes = Bytes::from_static(b"one of these, please");

/// Where the request of this number goes.
pub fn path(number: u64) -> String {
    format!("/book/{number}")
}

/// What the services of all worlds serve.
pub fn router() -> Router {
    Router::new().route("/book/{number}", post(book))
}

async fn book(Path(number): Path<u64>, body: Bytes) -> String {
    format!("booked {number}: {} bytes", body.len())
}

/// Whether this is the answer to the request of this number.
pub fn is_answer(number: u64, status: StatusCode, body: &[u8]) -> bool {
    status == StatusCode::OK && body == format!("booked {number}: {} bytes", BODY.len()).as_bytes()
}

/// Serves one connection until it ends, as the seeded world's servers do.
pub async fn serve<C>(connection: C)
where
    C: Read + Write + Unpin + Send + 'static,
{
    let router = router();
    let service = service_fn(move |request| {
        let mut router = router.clone();
        async move { router.call(request).await }
    });
    let mut server = server::Builder::new();
    server.auto_date_header(false).header_read_timeout(None);
    // How it ends is the client's affair.
    server.serve_connection(connection, service).await.ok();
}

/// Sends `requests` over one connection, one after the other, and checks the answers.
///
/// # Panics
/// If an answer is missing or wrong: nothing goes wrong in these worlds.
pub async fn ask<C>(connection: C, requests: u64)
where
    C: Read + Write + Unpin + Send + 'static,
{
    let handshake = client::handshake(connection).await;
    let (mut sender, mut driver) = handshake.expect("the connection was made just now");
    let mut asking = pin!(async {
        for number in 0..requests {
            let mut request = Request::new(Full::new(BODY));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = path(number).parse().expect("a well-formed path");
            let host = http::HeaderValue::from_static("shelf");
            request.headers_mut().insert(http::header::HOST, host);
            let response = sender.send_request(request).await.expect("an answer");
            let status = response.status();
            let body = response.into_body().collect().await.expect("a whole answer").to_bytes();
            assert!(is_answer(number, status, &body), "{status}: {body:?}");
        }
    });
    // Whoever asks drives the connection, as those who call through the port do.
    poll_fn(|context| {
        if asking.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        if let Poll::Ready(end) = Pin::new(&mut driver).poll(context) {
            panic!("the connection ended: {end:?}");
        }
        asking.as_mut().poll(context)
    })
    .await;
}
