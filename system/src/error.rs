//! What may go wrong, said as what the caller may do about it; and its one mapping to HTTP.
//!
//! Rejected is final, Unavailable means that nothing happened, Unknown that it may have happened
//! (`protocol.md` §4). Over HTTP each is a problem document (RFC 9457).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use stormproof_messaging::{TransactionError, Undecodable};
use stormproof_ports::{CallError, DatabaseError};

/// The one error type of the shop.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Final: asking again gets the same answer.
    #[error("{}: {}", .0.kind.title(), .0.detail)]
    Rejected(Box<Problem>),
    /// Nothing happened: try again.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It may have happened: ask again with the same key.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The database undid the transaction in favour of another: run it again.
    #[error("serialization failure")]
    Serialization,
    /// A row is such that no version of ours can read it: nothing happened, and nothing will before it is
    /// mended.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// A definitive refusal, as the caller reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub kind: Kind,
    /// What was wrong with this request, and what was expected.
    pub detail: String,
    /// Members of the problem document beyond RFC 9457's own.
    pub more: Map<String, Value>,
}

/// Every kind of refusal the shop knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invalid,
    MissingKey,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    NotEnoughStock,
    KeyReused,
    Closed,
    TooLarge,
    TooManyRequests,
    Unavailable,
    Unknown,
}

impl Kind {
    /// All kinds, for documentation.
    pub const ALL: [Kind; 14] = [
        Kind::Invalid,
        Kind::MissingKey,
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::Conflict,
        Kind::NotEnoughStock,
        Kind::KeyReused,
        Kind::Closed,
        Kind::TooLarge,
        Kind::TooManyRequests,
        Kind::Unavailable,
        Kind::Unknown,
    ];

    fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Kind::Invalid => (StatusCode::BAD_REQUEST, "invalid", "Invalid request"),
            Kind::MissingKey => {
                (StatusCode::BAD_REQUEST, "missing-idempotency-key", "Idempotency-Key required")
            }
            Kind::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "Not logged in"),
            Kind::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Kind::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Kind::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "No such method here")
            }
            Kind::Conflict => (StatusCode::CONFLICT, "conflict", "Conflict with the current state"),
            Kind::NotEnoughStock => (StatusCode::CONFLICT, "not-enough-stock", "Not enough stock"),
            Kind::KeyReused => {
                (StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "Same key, other content")
            }
            Kind::Closed => (StatusCode::GONE, "closed", "Account closed"),
            Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large a body"),
            Kind::TooManyRequests => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests")
            }
            Kind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Nothing happened, try again")
            }
            Kind::Unknown => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "unknown-outcome",
                "It may have happened, ask again with the same key",
            ),
        }
    }

    pub fn status(self) -> StatusCode {
        self.row().0
    }

    /// The last part of the problem's `type`.
    pub fn slug(self) -> &'static str {
        self.row().1
    }

    /// The problem's `type`.
    pub fn urn(self) -> String {
        format!("urn:stormproof:{}", self.slug())
    }

    pub fn title(self) -> &'static str {
        self.row().2
    }

    /// The kind that a problem document's `type` names.
    pub fn from_slug(slug: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.slug() == slug)
    }
}

impl Error {
    /// A definitive refusal.
    pub fn rejected(kind: Kind, detail: impl Into<String>) -> Error {
        Problem::new(kind, detail).into()
    }

    /// The caller's input is wrong; `detail` says what was expected.
    pub fn invalid(detail: impl Into<String>) -> Error {
        Error::rejected(Kind::Invalid, detail)
    }

    /// What parsing a stored value failed with: it is no caller's mistake.
    pub fn of_row(self) -> Error {
        match self {
            Error::Rejected(problem) => Error::Unreadable(problem.detail),
            error => error,
        }
    }

    /// The problem, if this is a definitive refusal of `kind`.
    pub fn is(&self, kind: Kind) -> bool {
        matches!(self, Error::Rejected(problem) if problem.kind == kind)
    }
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), more: Map::new() }
    }

    /// Adds a member to the problem document.
    pub fn with(mut self, name: &str, value: Value) -> Problem {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The document of RFC 9457 §3.1.
    pub fn document(&self) -> Value {
        let mut document = self.more.clone();
        document.insert("type".into(), self.kind.urn().into());
        document.insert("title".into(), self.kind.title().into());
        document.insert("status".into(), self.kind.status().as_u16().into());
        document.insert("detail".into(), self.detail.clone().into());
        Value::Object(document)
    }

    /// Reads a problem document; `None` if `bytes` are none of ours.
    pub fn parse(bytes: &[u8]) -> Option<Problem> {
        let Ok(Value::Object(mut more)) = serde_json::from_slice(bytes) else { return None };
        let kind = more.remove("type")?;
        let kind = Kind::from_slug(kind.as_str()?.strip_prefix("urn:stormproof:")?)?;
        let detail = more.remove("detail")?.as_str()?.to_owned();
        more.remove("title");
        more.remove("status");
        Some(Problem { kind, detail, more })
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Rejected(Box::new(problem))
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Error {
        match error {
            CallError::Unavailable(why) => Error::Unavailable(why),
            CallError::Unknown(why) => Error::Unknown(why),
        }
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Error {
        match error {
            DatabaseError::Serialization => Error::Serialization,
            DatabaseError::Unavailable(why) => Error::Unavailable(why),
            DatabaseError::Unknown(why) => Error::Unknown(why),
        }
    }
}

/// A statement failed inside a transaction that has not been committed, so nothing happened.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Error::Unreadable(error.to_string())
            }
            error => DatabaseError::from(error).into(),
        }
    }
}

impl TransactionError for Error {
    fn is_serialization(&self) -> bool {
        matches!(self, Error::Serialization)
    }

    fn is_unavailable(&self) -> bool {
        matches!(self, Error::Unavailable(_))
    }
}

/// A message that cannot be read is refused for good.
impl From<Undecodable> for Error {
    fn from(Undecodable(why): Undecodable) -> Error {
        Error::invalid(why)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = match self {
            Error::Rejected(problem) => *problem,
            Error::Unavailable(_) | Error::Serialization | Error::Unreadable(_) => {
                Problem::new(Kind::Unavailable, "Nothing has happened; please try again.")
            }
            Error::Unknown(_) => Problem::new(
                Kind::Unknown,
                "The outcome is not known; ask again with the same key to learn it.",
            ),
        };
        let mut response = (problem.kind.status(), Json(problem.document())).into_response();
        let headers = response.headers_mut();
        let problem_json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem_json);
        if problem.kind == Kind::Unauthorized {
            // A 401 says how to do better (RFC 9110 §15.5.2).
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_the_wire() {
        for kind in Kind::ALL {
            let problem = Problem::new(kind, "why").with("held", 3.into());
            let bytes = serde_json::to_vec(&problem.document()).expect("a JSON value serialises");
            assert_eq!(Problem::parse(&bytes), Some(problem));
        }
        assert_eq!(Problem::parse(b"{}"), None);
    }
}
