//! One replica on this machine: its ports, and its workers at work.

use std::sync::Arc;

use futures::future::{join_all, pending};
use stormproof_ports::absent::Absent;
use stormproof_ports::worker::{self, Worker};
use stormproof_ports::{Database, Ports, Queue};

use crate::clock::SystemClock;
use crate::compute::ThreadPool;
use crate::rng::SystemRng;

/// The ports of the replica `node`: this machine's clock and entropy, one thread for long
/// computations, this database and this queue. It asks nobody and sends no mail, and says so when it
/// is to; who does names it: `Ports { mailer, ..ports("invoices-1", database, queue) }`.
pub fn ports(node: &str, database: Arc<dyn Database>, queue: Arc<dyn Queue>) -> Ports {
    Ports {
        node: node.into(),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        http: Arc::new(Absent("no peers were named")),
        queue,
        database,
        mailer: Arc::new(Absent("no mail server was named")),
        compute: Arc::new(ThreadPool::new(1)),
        outgoing: Default::default(),
        transactions: Default::default(),
    }
}

/// Keeps `workers` at work until it is dropped. What they fail with they log and try again; one that
/// panics takes the caller with it, who would look healthy and lie.
pub async fn work(ports: &Ports, workers: Vec<Worker>) {
    let draw = |bound| ports.rng.below("jitter", bound);
    let run = |worker| worker::run(worker, &ports.node, &*ports.clock, draw, pending());
    join_all(workers.into_iter().map(run)).await;
}
