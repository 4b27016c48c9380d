//! What all controllers share: reading a JSON body with errors of ours, and routes that do not
//! exist.

use axum::Router;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderMap;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind};

/// A JSON body, parsed; a mistake in it is a 400 that says where.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Response> {
        let bytes =
            Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        parse(&bytes).map(Body).map_err(IntoResponse::into_response)
    }
}

/// Parses a JSON document that came from outside.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::invalid(format!("the body: {error}")))
}

/// The `Idempotency-Key` of a request that must have one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<String, Error> {
    let missing = || {
        Error::rejected(
            Kind::MissingKey,
            "expected the header Idempotency-Key: 1 to 64 letters, digits, '-', '_' or '.'",
        )
    };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let key = key.ok_or_else(missing)?.trim_matches('"');
    crate::id::check("Idempotency-Key", key).map_err(|_| missing())?;
    Ok(key.to_owned())
}

/// Answers unknown routes and methods with problem documents.
pub fn finish<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(async || Error::rejected(Kind::NotFound, "there is nothing at this address"))
        .method_not_allowed_fallback(async || Error::invalid("this address has no such method"))
}

/// The address a request came from: hosts put it into the request's extensions.
#[derive(Clone, Debug)]
pub struct ClientAddress(pub String);
