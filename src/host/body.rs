//! Reading a request's body whole, within a size and a time, before the shop sees the request.

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use serde_json::json;

use crate::config::Server;

/// The request with its body in memory, or the answer to one that is too long or too slow.
pub(super) async fn read(
    request: Request<Incoming>,
    limits: Server,
) -> Result<Request<Body>, Response> {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return Ok(Request::from_parts(parts, Body::empty()));
    }
    let longest = u64::try_from(limits.body_bytes_max).unwrap_or(u64::MAX);
    let too_long = || {
        let detail = format!("expected a body of at most {longest} bytes");
        refuse(StatusCode::PAYLOAD_TOO_LARGE, &detail)
    };
    if body.size_hint().lower() > longest {
        return Err(too_long());
    }
    let whole = to_bytes(Body::new(body), limits.body_bytes_max);
    match tokio::time::timeout(limits.body_timeout, whole).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        // The other reason is a connection that broke; then nobody reads this.
        Ok(Err(_)) => Err(too_long()),
        Err(_) => {
            let detail = format!("expected the whole body within {:?}", limits.body_timeout);
            Err(refuse(StatusCode::REQUEST_TIMEOUT, &detail))
        }
    }
}

/// A problem document (RFC 9457), and the end of the connection: the rest of the body is not read.
fn refuse(status: StatusCode, detail: &str) -> Response {
    let problem = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (header::CONNECTION, HeaderValue::from_static("close")),
    ];
    (status, headers, problem.to_string()).into_response()
}
