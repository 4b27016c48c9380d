//! A question to one of the services, as whoever asks the shop writes it: its people, an operator's
//! command, a sister service. What an answer means is the asker's to say.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use stormproof_ports::{Answer, Call};

/// How long people wait for an answer: longer than the Store waits for the Warehouse.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// One question. Asked again it is the same: that is what its key tells the service.
#[derive(Clone)]
pub struct Question {
    pub to: &'static str,
    pub operation: &'static str,
    pub method: Method,
    pub path: String,
    pub bearer: Option<String>,
    pub key: Option<String>,
    pub body: Bytes,
    /// Of one attempt.
    pub timeout: Duration,
}

impl Question {
    /// A question without a body, for which people have the usual [`PATIENCE`].
    pub fn new(
        method: Method,
        to: &'static str,
        operation: &'static str,
        path: impl Into<String>,
    ) -> Question {
        Question {
            to,
            operation,
            method,
            path: path.into(),
            bearer: None,
            key: None,
            body: Bytes::new(),
            timeout: PATIENCE,
        }
    }

    pub fn get(to: &'static str, operation: &'static str, path: impl Into<String>) -> Question {
        Question::new(Method::GET, to, operation, path)
    }

    pub fn post(
        to: &'static str,
        operation: &'static str,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Question {
        Question::new(Method::POST, to, operation, path).with_body(body)
    }

    #[must_use]
    pub fn with_body(self, body: &impl Serialize) -> Question {
        let body = serde_json::to_vec(body).expect("bodies have string keys only").into();
        Question { body, ..self }
    }

    #[must_use]
    pub fn with_bearer(self, token: impl Into<String>) -> Question {
        Question { bearer: Some(token.into()), ..self }
    }

    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Question {
        Question { key: Some(key.into()), ..self }
    }

    #[must_use]
    pub fn within(self, timeout: Duration) -> Question {
        Question { timeout, ..self }
    }

    /// The question as the port takes it.
    ///
    /// # Panics
    /// If the token or the key is not ASCII: both are ours.
    pub fn call(&self) -> Call {
        let mut headers = HeaderMap::new();
        let text = |text: &str| HeaderValue::from_str(text).expect("keys and tokens are ASCII");
        if !self.body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = &self.bearer {
            headers.insert(header::AUTHORIZATION, text(&format!("Bearer {token}")));
        }
        if let Some(key) = &self.key {
            headers.insert("idempotency-key", text(key));
        }
        Call {
            to: self.to.into(),
            operation: self.operation.into(),
            method: self.method.clone(),
            path: self.path.clone(),
            headers,
            body: self.body.clone(),
            timeout: self.timeout,
        }
    }
}

/// Whether asking again would get the same answer (`protocol.md` §4).
pub fn is_definitive(answer: &Answer) -> bool {
    let transient = answer.status.is_server_error()
        || matches!(answer.status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    !transient
}
