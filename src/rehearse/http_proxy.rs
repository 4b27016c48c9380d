//! HTTP between two nodes: every request is read whole, named by its request line, and passed on
//! unless a fault acts on it.
//!
//! A request that gets no answer keeps its caller waiting; who gives up closes the connection, which
//! ends the request here. Each connection of a caller has one connection of its own to the callee.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use stormproof_faults::moment::{Act, Side};
use stormproof_faults::{Fault, FaultKind, Target};
use stormproof_shop::topology;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::faults::is;
use super::link::{Link, ProxyContext, travel};
use super::operations::operation;
use super::processes::Life;

/// The longest body of the shop is far shorter.
const BODY_MAX: usize = 16 << 20;

/// How long the answer to a request is waited for that nobody waits for.
const ASTRAY_MAX: Duration = Duration::from_secs(60);

/// A connection and its twin on the other side.
struct HttpConnection {
    context: Arc<ProxyContext>,
    link: Link,
    server: SocketAddr,
    sender: Mutex<SendRequest<Body>>,
}

/// Carries one connection to its end, whichever side ends it.
pub async fn carry(
    context: Arc<ProxyContext>,
    link: Link,
    life: watch::Receiver<Life>,
    stream: TcpStream,
) {
    let Life::Up(server) = *life.borrow() else { return };
    let Ok((sender, ended)) = connect(server).await else { return };
    let connection = Arc::new(HttpConnection { context, link, server, sender: Mutex::new(sender) });
    let service = service_fn(|request| connection.clone().answer(request));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    // An error is a connection that broke: its ends find out by themselves.
    tokio::select! {
        biased;
        _ = serving.as_mut() => return,
        _ = ended => serving.as_mut().graceful_shutdown(),
    }
    serving.await.ok();
}

/// A connection to a node, and what tells of its end.
async fn connect(server: SocketAddr) -> Result<(SendRequest<Body>, oneshot::Receiver<()>), Error> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
    let (end, ended) = oneshot::channel();
    tokio::spawn(async move {
        connection.await.ok();
        end.send(()).ok();
    });
    Ok((sender, ended))
}

impl HttpConnection {
    /// There and back. An error ends the connection without an answer.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), BODY_MAX).await.map_err(Error::other)?;
        let Link { from, to } = &self.link;
        let service = topology::service_of(to);
        let named = operation(service, &parts.method, parts.uri.path());

        let aimed = match named {
            Some(operation) => self.pass(Side::Before, operation).await,
            None => None,
        };
        let astray = aimed.or_else(|| self.astray(named));
        let by = astray.as_ref().map_or(Duration::ZERO, |fault| fault.amount);
        let astray = astray.map(|fault| fault.kind);
        match astray {
            Some(FaultKind::RequestLate) => {
                // Late means after the caller gave up, however short the delay was meant to be.
                self.send_later(&parts, &body, by.max(self.context.call_timeout));
                return silence().await;
            }
            Some(FaultKind::RequestTwice) => self.send_later(&parts, &body, by),
            _ => {}
        }

        travel(&self.context, from, to).await;
        let answer = {
            let mut sender = self.sender.lock().await;
            exchange(&mut sender, &parts, &body).await?
        };
        if astray == Some(FaultKind::ReplyLost) {
            return silence().await;
        }
        if let Some(operation) = named
            && let Some(fault) = self.pass(Side::After, operation).await
            && fault.kind == FaultKind::ReplyLost
        {
            return silence().await;
        }
        travel(&self.context, to, from).await;
        Ok(answer)
    }

    /// The caller passes a moment. A fault of processes strikes here; any other is returned.
    async fn pass(&self, side: Side, operation: &str) -> Option<Fault> {
        let aimed = self.context.pass(&self.link.from, side, Act::Call, operation).await;
        aimed.filter(|fault| !fault.is_of_process())
    }

    /// What goes wrong with this request, if the time of a fault has come.
    fn astray(&self, named: Option<&'static str>) -> Option<Fault> {
        let name = named?;
        self.context.faults.strike(|fault| match &fault.target {
            Target::Call { from, to, operation } => {
                is(&self.link.from, from)
                    && is(&self.link.to, to)
                    && operation.as_ref().is_none_or(|operation| *operation == name)
            }
            _ => false,
        })
    }

    /// Sends a request that its caller knows nothing of, later.
    fn send_later(&self, parts: &Parts, body: &Bytes, by: Duration) {
        let (parts, body) = (parts.clone(), body.clone());
        let (wait, server) = (self.context.story.real(by), self.server);
        let mut life = self.context.cluster.life(&self.link.to);
        tokio::spawn(async move {
            sleep(wait).await;
            // Where the node listens now; it may have been started again since.
            let server = match *life.borrow_and_update() {
                Life::Up(server) => server,
                _ => server,
            };
            let sent = async {
                let (mut sender, _) = connect(server).await?;
                exchange(&mut sender, &parts, &body).await
            };
            // What it does shows at the server; nobody waits for the answer.
            timeout(ASTRAY_MAX, sent).await.ok();
        });
    }
}

async fn exchange(
    sender: &mut SendRequest<Body>,
    parts: &Parts,
    body: &Bytes,
) -> Result<Response<Body>, Error> {
    let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
    let response = sender.send_request(request).await.map_err(Error::other)?;
    let (head, body) = response.into_parts();
    let body = to_bytes(Body::new(body), BODY_MAX).await.map_err(Error::other)?;
    Ok(Response::from_parts(head, Body::from(body)))
}

/// Nothing more is heard: completes only if nobody waits any more, by being dropped.
async fn silence() -> Result<Response<Body>, Error> {
    std::future::pending::<()>().await;
    Err(Error::from(ErrorKind::TimedOut))
}
