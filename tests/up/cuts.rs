//! Links that fail: a proxy in front of each replica. It cuts some of the calls that go through it, half of them
//! before the callee has heard of them and half when it has done what was asked, and keeps other answers for
//! itself, so that the caller waits as long as it has patience.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::customer::client;
use super::draws::Draws;

/// Larger than any body of the shop.
const BODY_MAX: usize = 16 << 20;

/// The link's end of a connection, for which any error will do.
type Ended = Box<dyn std::error::Error + Send + Sync>;

/// What the proxies of a shop have in common.
pub struct Cuts {
    /// So many of a thousand calls are cut.
    cut: usize,
    /// So many of a thousand answers are lost.
    lost: usize,
    draws: Mutex<Draws>,
    pub calls: AtomicU64,
    pub unheard: AtomicU64,
    pub unanswered: AtomicU64,
    pub lost_answers: AtomicU64,
}

#[derive(Clone, Copy)]
enum Fate {
    Passes,
    Unheard,
    Unanswered,
    Lost,
}

impl Cuts {
    pub fn new([cut, lost]: [usize; 2], seed: u64) -> Arc<Cuts> {
        let [calls, unheard, unanswered, lost_answers] = [0; 4].map(AtomicU64::new);
        let draws = Mutex::new(Draws(seed));
        Arc::new(Cuts { cut, lost, draws, calls, unheard, unanswered, lost_answers })
    }

    /// Opens a proxy to this URL, for as long as the process lives; its URL.
    pub async fn in_front_of(self: &Arc<Cuts>, url: String) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (cuts, client, url) = (Arc::clone(self), client(), Arc::<str>::from(url));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).ok();
                let (cuts, client, url) = (Arc::clone(&cuts), client.clone(), Arc::clone(&url));
                let pass = service_fn(move |request| {
                    pass(Arc::clone(&cuts), client.clone(), Arc::clone(&url), request)
                });
                // An error says that a call was cut, or that one of the two has gone.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), pass));
            }
        });
        format!("http://{address}")
    }

    fn fate(&self) -> Fate {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let drawn = self.draws.lock().expect("nobody panics while holding it").below(2000);
        match drawn {
            _ if drawn < self.cut => Fate::Unheard,
            _ if drawn < 2 * self.cut => Fate::Unanswered,
            _ if drawn < 2 * (self.cut + self.lost) => Fate::Lost,
            _ => Fate::Passes,
        }
    }
}

/// Passes a call on; an error ends its connection.
async fn pass(
    cuts: Arc<Cuts>,
    client: reqwest::Client,
    url: Arc<str>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Ended> {
    let fate = cuts.fate();
    if let Fate::Unheard = fate {
        cuts.unheard.fetch_add(1, Ordering::Relaxed);
        return Err("cut before it was heard".into());
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(Body::new(body), BODY_MAX).await?;
    let call = client.request(head.method, format!("{url}{}", head.uri)).headers(head.headers);
    let answer = call.body(body).send().await?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await?;
    match fate {
        Fate::Unanswered => {
            cuts.unanswered.fetch_add(1, Ordering::Relaxed);
            return Err("cut after it was answered".into());
        }
        Fate::Lost => {
            cuts.lost_answers.fetch_add(1, Ordering::Relaxed);
            // Ends when the caller hangs up.
            return pending().await;
        }
        Fate::Passes | Fate::Unheard => {}
    }
    for of_the_connection in [CONNECTION, TRANSFER_ENCODING] {
        headers.remove(of_the_connection);
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
