//! One replica of one service on a real machine: serves its router, loops its workers, drains and
//! stops.
//!
//! The same functions of the shop run here as in the seeded world (`sim/world/src/boot.rs`). Which
//! bindings the ports have is the commands' business (`src/commands/`).

mod body;
mod health;
pub mod metrics;
mod server;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use stormproof_ports::Ports;
use stormproof_ports::worker::{self, Worker};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::{Instrument, info_span};

use crate::config::Server;
pub use health::Health;
pub use metrics::Metrics;

/// What a host is to run.
pub struct Replica {
    pub ports: Ports,
    pub router: Router,
    pub workers: Vec<Worker>,
    pub health: Health,
    pub metrics: Metrics,
}

/// A replica at work.
pub struct Host {
    node: Arc<str>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    /// The server and the workers: none of them ends before it is told to stop.
    tasks: JoinSet<()>,
}

impl Host {
    /// Serves on `listener` and starts the workers.
    ///
    /// # Errors
    /// If the listener has no address: it is no socket any more.
    pub fn start(replica: Replica, listener: TcpListener, limits: Server) -> std::io::Result<Host> {
        let Replica { ports, router, workers, health, metrics } = replica;
        let (node, address) = (ports.node.clone(), listener.local_addr()?);
        let (stop, stopped) = watch::channel(false);
        let span = info_span!("node", name = %node);
        let mut tasks = JoinSet::new();
        let router = router.merge(health.router(stopped.clone()));
        let router = router.merge(metrics.router(ports.clock.now()));
        tasks.spawn(
            server::serve(listener, router, limits, stopped.clone(), span.clone())
                .instrument(span.clone()),
        );
        for worker in workers {
            tasks.spawn(work(ports.clone(), worker, stopped.clone()).instrument(span.clone()));
        }
        Ok(Host { node, address, stop, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Completes if a part of the replica ends by itself, which only a bug can cause: a replica
    /// with a dead relay would look healthy and lie. Returns what to say of it.
    pub async fn broken(&mut self) -> String {
        let how = match self.tasks.join_next().await {
            Some(Err(error)) => describe(&error),
            Some(Ok(())) | None => "ended by itself".to_owned(),
        };
        format!("{}: a worker {how}", self.node)
    }

    /// Takes no more connections, lets requests and the workers' steps under way finish, and stops.
    /// What is not done within `deadline` is cut, as a crash would cut it; returns how many parts
    /// were.
    pub async fn drain(mut self, deadline: Duration) -> usize {
        let span = info_span!("node", name = %self.node);
        self.stop.send_replace(true);
        let finish = async { while self.tasks.join_next().await.is_some() {} };
        let cut = match tokio::time::timeout(deadline, finish).await {
            Ok(()) => 0,
            Err(_) => self.tasks.len(),
        };
        self.tasks.shutdown().await;
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

/// Completes when the flag is raised, or when nobody is left who could raise it.
async fn is_true(flag: &mut watch::Receiver<bool>) {
    flag.wait_for(|raised| *raised).await.ok();
}
