//! What all controllers share: reading a JSON body with errors of ours, and routes that do not
//! exist.

use axum::Json;
use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use stormproof_messaging::payload::holds_nul;

use crate::error::{Error, Kind};

/// A body as it came; too long a one (axum's limit is 2 MB) is refused.
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<RawBody, Error> {
        let bytes = Bytes::from_request(request, state).await;
        bytes.map(RawBody).map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Error::rejected(Kind::TooLarge, "the body: expected at most 2 MB")
            }
            _ => Error::invalid("the body: expected all of it"),
        })
    }
}

/// A JSON body, parsed; a mistake in it is a 400 that says where.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Error> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        parse(&bytes).map(Body)
    }
}

/// The variable segment of a path that has one.
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Segment, Error> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(segment)| Segment(segment))
            .map_err(|_| Error::invalid("the path: expected percent-encoded UTF-8"))
    }
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Only what follows this order in the list; from the first if not given.
    #[serde(default)]
    pub after: String,
}

impl<S: Send + Sync> FromRequestParts<S> for ListQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<ListQuery, Error> {
        let query = Query::<ListQuery>::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(|rejection| Error::invalid(rejection.body_text()))?;
        if !query.after.is_empty() {
            crate::id::check("after", &query.after)?;
        }
        Ok(query)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<T> {
    pub rows: Vec<T>,
    /// The order after which the next page begins, if one may follow.
    pub next: Option<String>,
}

impl<T: Serialize> Listing<T> {
    /// The rows, and a `Link` to the page that follows (RFC 8288); `path` is the list's.
    pub fn answer(self, path: &str) -> Response {
        let mut response = Json(self.rows).into_response();
        if let Some(next) = self.next {
            let link = format!("<{path}?after={next}>; rel=\"next\"");
            let link = HeaderValue::from_str(&link).expect("order ids are ASCII");
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// Parses a JSON document that came from outside. What was wrong is told without the value that
/// was: it may be a password in the wrong place.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if holds_nul(bytes) {
        let detail = "the body: expected texts without NUL, which none can be stored with";
        return Err(Error::invalid(detail));
    }
    parse_any(bytes)
}

/// The same where nothing of it is stored, or looked for as it is.
pub fn parse_any<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        let words = error.to_string();
        let place = format!("line {} column {}", error.line(), error.column());
        let what = match words.split_once(", expected ") {
            Some((wrong, expected)) if wrong.starts_with("invalid ") => {
                format!("expected {} at {place}", without_place(expected))
            }
            _ if error.classify() == Category::Data => words,
            _ => format!("expected JSON, which ends or breaks at {place}"),
        };
        Error::invalid(format!("the body: {what}"))
    })
}

/// A text of a query, which is looked for in a database.
pub fn text<'a>(what: &str, text: &'a str) -> Result<&'a str, Error> {
    match text.contains('\0') {
        true => Err(Error::invalid(format!("{what}: expected a text without NUL"))),
        false => Ok(text),
    }
}

/// serde_json's words for an error without their ` at line 1 column 2`.
fn without_place(words: &str) -> &str {
    words.rsplit_once(" at line ").map_or(words, |(words, _)| words)
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
        .method_not_allowed_fallback(async || {
            Error::rejected(Kind::MethodNotAllowed, "this address has no such method")
        })
}

/// The address a request came from: hosts put it into the request's extensions.
#[derive(Clone, Debug)]
pub struct ClientAddress(pub String);
