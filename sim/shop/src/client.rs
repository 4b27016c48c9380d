//! Asking the shop from outside: one call, and calls that are asked again until they are answered.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use stormproof_ports::retry::Backoff;
use stormproof_ports::{Answer, Call, CallError, Ports};
use stormproof_system::error::{Kind, Problem};

/// How long people wait for an answer: longer than the Store waits for the Warehouse.
pub const PATIENCE: Duration = Duration::from_secs(8);

const AGAIN: Backoff = Backoff { base: Duration::from_millis(300), cap: Duration::from_secs(10) };

/// One question.
#[derive(Clone)]
pub struct Question {
    pub to: &'static str,
    pub operation: &'static str,
    pub method: Method,
    pub path: String,
    pub bearer: Option<String>,
    pub key: Option<String>,
    pub body: Bytes,
}

impl Question {
    pub fn get(to: &'static str, operation: &'static str, path: impl Into<String>) -> Question {
        Question {
            to,
            operation,
            method: Method::GET,
            path: path.into(),
            bearer: None,
            key: None,
            body: Bytes::new(),
        }
    }

    pub fn post(
        to: &'static str,
        operation: &'static str,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Question {
        let body = serde_json::to_vec(body).expect("bodies have string keys only").into();
        Question { method: Method::POST, body, ..Question::get(to, operation, path) }
    }

    #[must_use]
    pub fn with_bearer(self, token: impl Into<String>) -> Question {
        Question { bearer: Some(token.into()), ..self }
    }

    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Question {
        Question { key: Some(key.into()), ..self }
    }

    fn call(&self) -> Call {
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
            timeout: PATIENCE,
        }
    }
}

/// Asks once.
pub async fn ask_once(ports: &Ports, question: &Question) -> Result<Answer, CallError> {
    ports.http.call(question.call()).await
}

/// Asks until there is a definitive answer. Only the end of the run ends it otherwise.
pub async fn ask(ports: &Ports, question: &Question) -> Answer {
    for attempt in 1.. {
        match ask_once(ports, question).await {
            Ok(answer) if is_definitive(&answer) => return answer,
            _ => ports.clock.sleep(AGAIN.delay(attempt, &*ports.rng)).await,
        }
    }
    unreachable!("nobody asks four billion times")
}

/// Whether asking again would get the same answer (`protocol.md` §4).
pub fn is_definitive(answer: &Answer) -> bool {
    let transient = answer.status.is_server_error()
        || matches!(answer.status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    !transient
}

/// The kind of refusal, if the answer is one.
pub fn problem_kind(answer: &Answer) -> Option<Kind> {
    match answer.status.is_client_error() {
        true => Problem::parse(&answer.body).map(|problem| problem.kind),
        false => None,
    }
}
