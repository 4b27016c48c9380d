//! HTTP as one writes it: a client whose calls read like reqwest's, and the same as a
//! `tower::Service`, both over the [`Http`] port.
//!
//! Services are named, not addressed: the binding knows where `billing` listens. A request is sent
//! once; whether it may be sent again is the caller's affair, who has the key. What reqwest has and
//! this has not: streams (bodies are whole), redirects and cookies (a redirect is an answer),
//! proxies, TLS.
//!
//! ```
//! # use stormproof_ports::{Answer, Call, CallError, Http};
//! # use futures::{FutureExt as _, future::{BoxFuture, ready}};
//! # struct Billing;
//! # impl Http for Billing {
//! #     fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
//! #         assert_eq!((&*call.to, &*call.operation), ("billing", "charge"));
//! #         assert_eq!(call.path, "/charges?dry=true");
//! #         let (status, headers) = (http::StatusCode::CREATED, http::HeaderMap::new());
//! #         let body = br#"{"id":"c-1"}"#.as_slice().into();
//! #         Box::pin(ready(Ok(Answer { status, headers, body })))
//! #     }
//! # }
//! # let http: std::sync::Arc<dyn Http> = std::sync::Arc::new(Billing);
//! use stormproof_ports::client::{Client, ClientError};
//!
//! #[derive(serde::Serialize)]
//! struct Charge { cents: i64 }
//! #[derive(serde::Deserialize)]
//! struct Charged { id: String }
//!
//! # async fn charge(http: std::sync::Arc<dyn Http>) -> Result<(), ClientError> {
//! let client = Client::over(http); // or `Client::new(&ports)`
//! let charged: Charged = client
//!     .post("billing", "/charges")
//!     .operation("charge")
//!     .bearer_auth("token")
//!     .header("idempotency-key", "visit-7")
//!     .query(&[("dry", true)])
//!     .json(&Charge { cents: 4200 })
//!     .send()
//!     .await?
//!     .error_for_status()?
//!     .json()
//!     .await?;
//! assert_eq!(charged.id, "c-1");
//! # Ok(())
//! # }
//! # charge(http).now_or_never().expect("nobody waits").expect("it is charged");
//! ```

mod error;
mod request;
mod response;
mod service;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use crate::{Http, Ports};

pub use error::ClientError;
pub use request::RequestBuilder;
pub use response::Response;
pub use service::{HttpService, HttpServiceError, Operation, Timeout};

/// How long a call waits for its whole answer where nobody says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls services by their names. Clones share the binding.
#[derive(Clone)]
pub struct Client {
    http: Arc<dyn Http>,
    timeout: Duration,
}

impl Client {
    /// A client that calls through a replica's own ports.
    pub fn new(ports: &Ports) -> Client {
        Client::over(ports.http.clone())
    }

    /// A client over any binding of the port.
    pub fn over(http: Arc<dyn Http>) -> Client {
        Client { http, timeout: DEFAULT_TIMEOUT }
    }

    /// The time that each call may take, its whole answer included, unless the request says
    /// otherwise; [`DEFAULT_TIMEOUT`] at first.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Client {
        Client { timeout, ..self }
    }

    /// A request of `path` (which may end with a query) at the service named `to`.
    pub fn request(
        &self,
        method: Method,
        to: impl Into<Cow<'static, str>>,
        path: impl AsRef<str>,
    ) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, to.into(), path.as_ref())
    }

    /// [`Client::request`] by GET.
    pub fn get(&self, to: impl Into<Cow<'static, str>>, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, to, path)
    }

    /// [`Client::request`] by POST.
    pub fn post(&self, to: impl Into<Cow<'static, str>>, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, to, path)
    }

    /// [`Client::request`] by PUT.
    pub fn put(&self, to: impl Into<Cow<'static, str>>, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, to, path)
    }

    /// [`Client::request`] by PATCH.
    pub fn patch(&self, to: impl Into<Cow<'static, str>>, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, to, path)
    }

    /// [`Client::request`] by DELETE.
    pub fn delete(
        &self,
        to: impl Into<Cow<'static, str>>,
        path: impl AsRef<str>,
    ) -> RequestBuilder {
        self.request(Method::DELETE, to, path)
    }
}

/// What a request is called that has no name: its method and the first part of its path, which
/// seldom is an id. `POST /charges/7` is `post_charges`, `GET /` is `get`.
pub(crate) fn default_operation(method: &Method, path: &str) -> Cow<'static, str> {
    let method = method.as_str().to_ascii_lowercase();
    let end = path.find(['?', '#']).unwrap_or(path.len());
    match path[..end].split('/').find(|part| !part.is_empty()) {
        Some(part) => format!("{method}_{part}").into(),
        None => method.into(),
    }
}
