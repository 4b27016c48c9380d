//! HTTP in: a router behind a listening socket, HTTP/1.1, with limits for clients that are slow,
//! large or many.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use stormproof_system::web::ClientAddress;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{Instrument, Span};

use super::{body, is_true};
use crate::config::Server;

/// How long to wait when the system gives no more connections: it has no file handle left, and
/// asking at once would only burn a core.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);

/// Serves until `stopped`, then finishes the requests under way.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Server,
    mut stopped: watch::Receiver<bool>,
    span: Span,
) {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            biased;
            () = is_true(&mut stopped) => break,
            next = next => next,
        };
        // Those that have ended make room; how they ended is theirs.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, router.clone(), limits, stopped.clone());
                let task = async move {
                    connection.await;
                    drop(slot);
                };
                connections.spawn(task.instrument(span.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection to its end. When the replica stops, the request under way is its last.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Server,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are written whole: waiting for more to send would only delay them.
    stream.set_nodelay(true).ok();
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| answer(&router, request, peer, limits));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    // An error is a connection that broke; the shop does not care which end broke it.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = is_true(&mut stopped) => connection.as_mut().graceful_shutdown(),
    }
    connection.await.ok();
}

/// Reads the whole request within the limits, and lets the router answer it.
async fn answer(
    router: &TowerToHyperService<Router>,
    request: Request<Incoming>,
    peer: SocketAddr,
    limits: Server,
) -> Result<Response, Infallible> {
    match body::read(request, limits).await {
        Ok(mut request) => {
            // Without the port: limits are for the client, not for each of its connections.
            request.extensions_mut().insert(ClientAddress(peer.ip().to_canonical().to_string()));
            router.call(request).await
        }
        Err(refusal) => Ok(refusal),
    }
}
