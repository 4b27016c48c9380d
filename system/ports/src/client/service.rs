//! The port as a `tower::Service`, for whoever holds one: layers go around it, and a client made of
//! anything else can be put in its place.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::HOST;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tower::Service;

use super::{DEFAULT_TIMEOUT, default_operation};
use crate::{Call, CallError, Http, Ports};

/// The name of a request's step, such as `charge`, as an extension of the request. Without it the
/// name is made of method and path: `post_charges`.
#[derive(Clone, Debug)]
pub struct Operation(
    /// The name; faults aim at it, logs and traces show it.
    pub Cow<'static, str>,
);

/// The longest time that a request may take, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub struct Timeout(
    /// The whole answer included.
    pub Duration,
);

/// Sends each request to the service that its URI names as its host (`http://billing/charges`), or
/// to the one given. It is always ready: how many calls there are at once is not bounded here.
///
/// ```
/// # use stormproof_ports::{Answer, Call, CallError, Http};
/// # use futures::{FutureExt as _, future::{BoxFuture, ready}};
/// # struct Billing;
/// # impl Http for Billing {
/// #     fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
/// #         assert_eq!((&*call.to, &*call.operation), ("billing", "charge"));
/// #         let (status, headers) = (http::StatusCode::CREATED, http::HeaderMap::new());
/// #         Box::pin(ready(Ok(Answer { status, headers, body: call.body })))
/// #     }
/// # }
/// # let http: std::sync::Arc<dyn Http> = std::sync::Arc::new(Billing);
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use stormproof_ports::client::{HttpService, Operation};
/// use tower::ServiceExt as _;
///
/// let service = HttpService::over(http); // or `HttpService::new(&ports)`
/// let request = http::Request::post("http://billing/charges")
///     .extension(Operation("charge".into()))
///     .body(Full::new(Bytes::from("42.00")))
///     .expect("a request");
/// let response = service.oneshot(request).now_or_never().expect("nobody waits");
/// assert_eq!(response.expect("an answer").status(), 201);
/// ```
#[derive(Clone)]
pub struct HttpService {
    http: Arc<dyn Http>,
    to: Option<Cow<'static, str>>,
    timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpServiceError {
    /// The request is none that the port can send: it was not sent.
    #[error("no request: {0}")]
    Request(String),
    /// Its body ended in an error: it was not sent.
    #[error("the request's body: {0}")]
    Body(#[source] Box<dyn Error + Send + Sync>),
    /// It was sent, or could not be.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl HttpService {
    /// A service that calls through a replica's own ports.
    pub fn new(ports: &Ports) -> HttpService {
        HttpService::over(ports.http.clone())
    }

    /// A service over any binding of the port.
    pub fn over(http: Arc<dyn Http>) -> HttpService {
        HttpService { http, to: None, timeout: DEFAULT_TIMEOUT }
    }

    /// Sends every request to the service named `to`, whatever its URI says.
    #[must_use]
    pub fn to(self, to: impl Into<Cow<'static, str>>) -> HttpService {
        HttpService { to: Some(to.into()), ..self }
    }

    /// The time that each request may take unless it has a [`Timeout`];
    /// [`DEFAULT_TIMEOUT`] at first.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> HttpService {
        HttpService { timeout, ..self }
    }
}

impl<B> Service<Request<B>> for HttpService
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = HttpServiceError;
    type Future = BoxFuture<'static, Result<Self::Response, HttpServiceError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpServiceError>> {
        Poll::Ready(Ok(()))
    }

    /// Errors: [`HttpServiceError::Call`] with [`CallError::Unknown`] if it may have happened; all
    /// others say that nothing did.
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let HttpService { http, to, timeout } = self.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let to = to.or_else(|| Some(Cow::Owned(parts.uri.host()?.to_owned())));
            let to = to.ok_or_else(|| {
                let uri = &parts.uri;
                HttpServiceError::Request(format!("{uri} names no service: http://billing{uri}"))
            })?;
            let body =
                body.collect().await.map_err(|error| HttpServiceError::Body(error.into()))?;
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
            let operation = parts.extensions.remove().map(|Operation(name)| name);
            // The binding knows to whom it speaks.
            parts.headers.remove(HOST);
            let call = Call {
                to,
                operation: operation.unwrap_or_else(|| default_operation(&parts.method, &path)),
                method: parts.method,
                path,
                headers: parts.headers,
                body: body.to_bytes(),
                timeout: parts.extensions.remove().map_or(timeout, |Timeout(timeout)| timeout),
            };
            let answer = http.call(call).await?;
            let mut response = Response::new(Full::new(answer.body));
            (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
            Ok(response)
        })
    }
}
