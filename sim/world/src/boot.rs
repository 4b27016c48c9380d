//! What a node does while it lives: serve, work, or wait.
//!
//! A replica runs the very functions that production's hosts run: its router, and its workers.

use std::sync::Arc;

use futures::future::pending;
use madsim::runtime::Handle;
use rand::Rng as _;
use stormproof_ports::Ports;
use stormproof_ports::worker::{self, Worker};

use crate::history::Kind;
use crate::http::connection::address;
use crate::http::server;
use crate::node::{NodeIndex, Role};
use crate::seed::Stream;
use crate::{World, ports};

/// Makes the nodes of madsim and boots them.
pub(super) fn boot_all(world: &World) {
    let nodes = &world.0.nodes;
    let madsim = Handle::current();
    let runs_tasks =
        |node: &NodeIndex| !matches!(nodes.role(*node), Role::Database(_) | Role::Mail);
    nodes.bind(nodes.all().filter(runs_tasks).map(|node| {
        // madsim keeps this closure as long as its runtime, which must not keep the world.
        let weak = Arc::downgrade(&world.0);
        let init = move || {
            let world = World(weak.upgrade().expect("nodes boot while their world lives"));
            async move { live(&world, node).await }
        };
        let name = nodes.name(node).to_string();
        let builder = madsim.create_node().name(name).ip(address(node).ip()).init(init);
        (node, builder.build().id())
    }));
}

/// A node's life, until it is killed.
async fn live(world: &World, node: NodeIndex) {
    let nodes = &world.0.nodes;
    world.0.history.record(world.elapsed(), node, Kind::Up, "", &[]);
    match nodes.role(node) {
        Role::Replica(place) => {
            let service = nodes.service(place);
            let ports = ports::of(world, node);
            let (router, workers) = (service.replica)(&ports);
            for worker in workers {
                let boot = nodes.life(node).boot;
                let stream = format!("{} {boot} poll {}", ports.node, worker.name);
                let stream = world.0.seed.stream(&stream);
                madsim::task::spawn(work(ports.clone(), worker, stream));
            }
            server::serve(world, node, router).await;
        }
        Role::Broker => world.0.broker.run(world).await,
        Role::Client | Role::Database(_) | Role::Mail | Role::Network => pending().await,
    }
}

/// Steps a worker for ever.
async fn work(ports: Ports, worker: Worker, mut stream: Stream) {
    let draw = |bound| stream.random_range(0..bound);
    worker::run(worker, &ports.node, &*ports.clock, draw, pending()).await;
}
