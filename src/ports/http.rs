//! HTTP to other services, over kept-alive connections to every replica of each.
//!
//! One question decides between Unavailable and Unknown: can a byte of the request have left? It
//! cannot as long as there is no connection, and then the next replica is asked. Everything later
//! is Unknown, the reset of a kept-alive connection included. Asking again is for the caller, for
//! only the caller has the key.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use stormproof_ports::{Answer, Call, CallError, Http};
use tokio::time::Instant;

/// How long one replica may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections kept to each replica while nobody needs them, and for how long.
const IDLE_MAX: usize = 32;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of services that are known by name.
pub struct HttpClient {
    client: Client,
    peers: BTreeMap<String, Peer>,
}

/// A service and its replicas.
struct Peer {
    /// Base URLs without a slash at the end; at least one.
    replicas: Vec<String>,
    /// Whose turn it is.
    next: AtomicUsize,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// The service's name.
    #[error("the service {0} has no replica: give at least one base URL")]
    NoReplica(String),
    /// A replica's address is of no use.
    #[error("{url:?}, a replica of {service}, is no base URL such as http://127.0.0.1:8081: {why}")]
    BadUrl {
        /// The service's name.
        service: String,
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The system lacks something: entropy, say.
    #[error("no HTTP client can be made: {0}")]
    Client(String),
}

impl HttpClient {
    /// `peers`: the name that calls use, and the base URLs of its replicas, such as
    /// `http://127.0.0.1:8081`. Each replica has 2 s to accept a connection, of the time that a call
    /// allows.
    ///
    /// # Errors
    /// If a service has no replica, or a base URL is none.
    pub fn new(peers: BTreeMap<String, Vec<String>>) -> Result<HttpClient, HttpClientError> {
        HttpClient::connecting_within(peers, CONNECT_TIMEOUT)
    }

    /// For calls that take at most `call_timeout`: connecting takes half of that at the longest, so
    /// that a replica that is silent to attempts is told from one that is silent to a request, and
    /// time is left for the next one.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn for_calls(
        peers: BTreeMap<String, Vec<String>>,
        call_timeout: Duration,
    ) -> Result<HttpClient, HttpClientError> {
        HttpClient::connecting_within(peers, CONNECT_TIMEOUT.min(call_timeout / 2))
    }

    fn connecting_within(
        peers: BTreeMap<String, Vec<String>>,
        connect_timeout: Duration,
    ) -> Result<HttpClient, HttpClientError> {
        let client = Client::builder()
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            // A redirect is an answer, a retry is for the caller, and the environment's
            // proxy is not on the way between two services.
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(|error| HttpClientError::Client(cause(&error).to_string()))?;
        let mut checked = BTreeMap::new();
        for (service, replicas) in peers {
            if replicas.is_empty() {
                return Err(HttpClientError::NoReplica(service));
            }
            let replicas =
                replicas.into_iter().map(|url| base(&service, url)).collect::<Result<_, _>>()?;
            checked.insert(service, Peer { replicas, next: AtomicUsize::new(0) });
        }
        Ok(HttpClient { client, peers: checked })
    }

    async fn make(&self, call: Call) -> Result<Answer, CallError> {
        let deadline = Instant::now() + call.timeout;
        let Some(peer) = self.peers.get(&*call.to) else {
            return Err(CallError::Unavailable(format!("no service is named {}", call.to)));
        };
        let first = peer.next.fetch_add(1, Ordering::Relaxed);
        let mut refusal = CallError::Unavailable(format!("no replica of {} in time", call.to));
        for turn in 0..peer.replicas.len() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let replica = &peer.replicas[first.wrapping_add(turn) % peer.replicas.len()];
            match self.ask(replica, &call, left).await {
                Err(error @ CallError::Unavailable(_)) => refusal = error,
                result => return result,
            }
        }
        Err(refusal)
    }

    async fn ask(&self, replica: &str, call: &Call, left: Duration) -> Result<Answer, CallError> {
        let request = self
            .client
            .request(call.method.clone(), format!("{replica}{}", call.path))
            .headers(call.headers.clone())
            .body(call.body.clone())
            .timeout(left);
        let response = request.send().await.map_err(|error| failure(&call.to, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| failure(&call.to, error))?;
        Ok(Answer { status, headers, body })
    }
}

impl Http for HttpClient {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
        Box::pin(self.make(call))
    }
}

/// Without a connection nothing can have arrived; a request that is none was never sent. The words
/// are of the story: they name the service, and no address or path, which may hold an id.
fn failure(to: &str, error: reqwest::Error) -> CallError {
    let error = error.without_url();
    let cause = cause(&error);
    let refuses = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    let is_attempt = error.is_connect();
    match (is_attempt || error.is_builder(), error.is_timeout()) {
        (true, true) => CallError::Unavailable(format!("no connection to {to} in time")),
        (true, false) if refuses == Some(io::ErrorKind::ConnectionRefused) => {
            CallError::Unavailable(format!("{to} refuses"))
        }
        (true, false) => CallError::Unavailable(format!("no connection to {to}: {cause}")),
        (false, true) => CallError::Unknown(format!("{to} did not answer in time")),
        (false, false) => CallError::Unknown(cause.to_string()),
    }
}

/// The first cause: what is told of it on the way up repeats the address.
fn cause<'a>(error: &'a reqwest::Error) -> &'a (dyn Error + 'static) {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

fn base(service: &str, url: String) -> Result<String, HttpClientError> {
    let bad = |why: &str| HttpClientError::BadUrl {
        service: service.to_owned(),
        url: url.clone(),
        why: why.to_owned(),
    };
    let parsed = Url::parse(&url).map_err(|error| bad(&error.to_string()))?;
    if parsed.scheme() != "http" {
        return Err(bad("services speak plain HTTP with each other"));
    }
    if !parsed.has_host() {
        return Err(bad("it names no host"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(bad("it ends with a query or a fragment"));
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}
