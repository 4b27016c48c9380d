//! One replica of one service on a real machine: serves its router, loops its workers, drains and
//! stops.
//!
//! The same functions of the shop run here as in the seeded world (`sim/world/src/boot.rs`). Which
//! bindings the ports have is the commands' business (`src/commands/`).

mod body;
mod health;
pub mod metrics;
mod server;
mod siblings;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use stormproof_ports::Ports;
use stormproof_ports::worker::{self, HandOver, Worker};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::{Instrument, info_span};

use crate::config::Server;
pub use health::Health;
pub use metrics::Metrics;
pub use siblings::Siblings;

/// What a host is to run.
pub struct Replica {
    pub ports: Ports,
    pub router: Router,
    pub workers: Vec<Worker>,
    pub health: Health,
    pub metrics: Metrics,
    /// Who else can go on with its work.
    pub siblings: Siblings,
}

/// A replica at work.
pub struct Host {
    node: Arc<str>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    /// The server and the workers: none of them ends before it is told to stop.
    tasks: JoinSet<()>,
    stop_last: watch::Sender<bool>,
    /// The workers that stop when all others have.
    last: JoinSet<()>,
    hand_overs: Vec<HandOver>,
    siblings: Siblings,
}

impl Host {
    /// Serves on `listener` and starts the workers.
    ///
    /// # Errors
    /// If the listener has no address: it is no socket any more.
    pub fn start(replica: Replica, listener: TcpListener, limits: Server) -> std::io::Result<Host> {
        let Replica { ports, router, workers, health, metrics, siblings } = replica;
        let (node, address) = (ports.node.clone(), listener.local_addr()?);
        let ((stop, stopped), (stop_last, last_stopped)) =
            (watch::channel(false), watch::channel(false));
        let span = info_span!("node", name = %node);
        let (mut tasks, mut last) = (JoinSet::new(), JoinSet::new());
        let router = router.merge(health.router(stopped.clone()));
        let router = router.merge(metrics.router(ports.clock.now()));
        let notifies = workers.iter().map(|worker| worker.notify.clone()).collect();
        let router = router.merge(siblings::router(notifies));
        tasks.spawn(
            server::serve(listener, router, limits, stopped.clone(), span.clone())
                .instrument(span.clone()),
        );
        let mut hand_overs = Vec::new();
        for worker in workers {
            hand_overs.extend(worker.hand_over().filter(|_| !worker.ends_last));
            let (tasks, stopped) = match worker.ends_last {
                true => (&mut last, &last_stopped),
                false => (&mut tasks, &stopped),
            };
            let worker = telling(worker, &siblings);
            tasks.spawn(work(ports.clone(), worker, stopped.clone()).instrument(span.clone()));
        }
        Ok(Host { node, address, stop, tasks, stop_last, last, hand_overs, siblings })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Completes if a part of the replica ends by itself, which only a bug can cause: a replica
    /// with a dead relay would look healthy and lie. Returns what to say of it.
    pub async fn broken(&mut self) -> String {
        let ended = async |tasks: &mut JoinSet<()>| match tasks.is_empty() {
            true => std::future::pending().await,
            false => tasks.join_next().await,
        };
        let ended = tokio::select! {
            biased;
            ended = ended(&mut self.tasks) => ended,
            ended = ended(&mut self.last) => ended,
        };
        let how = match ended {
            Some(Err(error)) => describe(&error),
            Some(Ok(())) | None => "ended by itself".to_owned(),
        };
        format!("{}: a worker {how}", self.node)
    }

    /// Takes no more connections, lets requests and the workers' steps under way finish, hands over to other
    /// replicas what it has claimed, and stops. What is not done within `deadline` is cut, as a crash would cut it; returns how many parts
    /// were.
    pub async fn drain(mut self, deadline: Duration) -> usize {
        let span = info_span!("node", name = %self.node);
        self.stop.send_replace(true);
        let finish = async {
            while self.tasks.join_next().await.is_some() {}
            // A request that was under way may have claimed something after its worker had ended.
            for hand_over in &self.hand_overs {
                if let Err(why) = hand_over().instrument(span.clone()).await {
                    span.in_scope(|| tracing::warn!(why, "cannot hand its work over"));
                }
            }
            self.stop_last.send_replace(true);
            while self.last.join_next().await.is_some() {}
            self.siblings.tell().await;
        };
        let cut = match tokio::time::timeout(deadline, finish).await {
            Ok(()) => 0,
            Err(_) => self.tasks.len() + self.last.len(),
        };
        self.tasks.shutdown().await;
        self.last.shutdown().await;
        span.in_scope(|| match cut {
            0 => tracing::info!("has drained and stops"),
            _ => tracing::warn!(cut, "stops; the drain's deadline has cut what was under way"),
        });
        cut
    }
}

fn describe(error: &JoinError) -> String {
    match error.is_panic() {
        true => "panicked".to_owned(),
        false => "was cancelled".to_owned(),
    }
}

/// Steps a worker until the replica stops. A step that has begun is always finished.
async fn work(ports: Ports, worker: Worker, mut stopped: watch::Receiver<bool>) {
    let draw = |bound| ports.rng.below("jitter", bound);
    worker::run(worker, &ports.node, &*ports.clock, draw, is_true(&mut stopped)).await;
}

/// The same worker, which tells others when it has handed over what they can go on with.
fn telling(worker: Worker, siblings: &Siblings) -> Worker {
    let Some(hand_over) = worker.hand_over() else { return worker };
    let siblings = siblings.clone();
    worker.with_hand_over(move || {
        let (handed_over, siblings) = (hand_over(), siblings.clone());
        Box::pin(async move {
            let handed_over = handed_over.await;
            siblings.tell().await;
            handed_over
        })
    })
}

/// Completes when the flag is raised, or when nobody is left who could raise it.
async fn is_true(flag: &mut watch::Receiver<bool>) {
    flag.wait_for(|raised| *raised).await.ok();
}
