//! Siblings: the other replicas of a service, whom one that stops tells that there is work to go on with.
//!
//! Who hears of it lets its workers look at once. Nobody depends on it: without, they look when they
//! would have looked anyway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Method, StatusCode};
use stormproof_bindings::http::HttpClient;
use stormproof_ports::notify::Notify;
use stormproof_ports::{Call, Http as _};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Where a replica hears that another has stopped.
const PATH: &str = "/handover";

/// How long a sibling may take to hear of it: it is told again, and others wait to be told.
const HEARS_WITHIN: Duration = Duration::from_millis(300);

/// The route has no token: whoever calls it often makes workers look no more often than this.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Where the replicas of a service are; the one itself may be among them, and is told in vain.
#[derive(Clone, Default)]
pub struct Siblings {
    client: Option<Arc<HttpClient>>,
    names: Vec<String>,
}

impl Siblings {
    /// At these base URLs.
    ///
    /// # Errors
    /// If one of them is none.
    pub fn at(urls: &[String]) -> Result<Siblings, String> {
        let named = |(index, url): (usize, &String)| (index.to_string(), vec![url.clone()]);
        let peers: BTreeMap<_, _> = urls.iter().enumerate().map(named).collect();
        let names = peers.keys().cloned().collect();
        let client = HttpClient::for_calls(peers, HEARS_WITHIN);
        let client = client.map_err(|error| format!("peers: {error}"))?;
        Ok(Siblings { client: Some(Arc::new(client)), names })
    }

    /// Tells all of them, side by side. Who cannot be told finds out.
    pub(super) async fn tell(&self) {
        let Some(client) = &self.client else { return };
        let told = join_all(self.names.iter().map(|name| {
            client.call(Call {
                to: name.clone().into(),
                operation: "handover".into(),
                method: Method::POST,
                path: PATH.to_owned(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
                timeout: HEARS_WITHIN,
            })
        }))
        .await;
        let heard = told.iter().flatten().filter(|answer| answer.status.is_success()).count();
        tracing::debug!(heard, of = self.names.len(), "has told that it hands its work over");
    }
}

/// The route where this replica hears of it, and lets the workers look that these notify.
pub(super) fn router(notifies: Vec<Notify>) -> Router {
    let last = Arc::new(Mutex::new(Instant::now()));
    Router::new().route(PATH, post(look)).with_state((notifies, last))
}

async fn look(State((notifies, last)): State<(Vec<Notify>, Arc<Mutex<Instant>>)>) -> StatusCode {
    let mut last = last.lock().await;
    sleep_until(*last + BETWEEN_LOOKS).await;
    notifies.iter().for_each(Notify::notify_one);
    *last = Instant::now();
    StatusCode::NO_CONTENT
}
