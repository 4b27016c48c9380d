//! What a node does while it lives: serve, work, or wait.
//!
//! A replica runs the very functions that production's hosts run: its router, and its workers.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{pending, select};
use madsim::runtime::Handle;
use rand::Rng as _;
use stormproof_system::ports::Clock;
use stormproof_system::worker::{Progress, Worker};

use crate::history::Kind;
use crate::node::{NodeIndex, Role};
use crate::ports::clock::sleep;
use crate::ports::connection::address;
use crate::seed::Stream;
use crate::{World, ports};

/// How often an idle worker looks for work though no bell rang; plus a jitter.
const POLL_CAP: Duration = Duration::from_secs(2);
const POLL_JITTER_US: u64 = 500_000;

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
                madsim::task::spawn(work(world.clone(), ports.clock.clone(), worker, stream));
            }
            ports::server::serve(world, node, router).await;
        }
        Role::Broker => world.0.broker.run(world).await,
        Role::Client | Role::Database(_) | Role::Mail | Role::Wire => pending().await,
    }
}

/// Steps a worker for ever: again at once while there is work, else when its bell rings, its time
/// comes, or it has waited long.
async fn work(world: World, clock: Arc<dyn Clock>, worker: Worker, mut stream: Stream) {
    loop {
        match worker.step().await {
            Progress::Worked => madsim::task::yield_now().await,
            Progress::Idle(until) => {
                let cap = POLL_CAP + Duration::from_micros(stream.random_range(0..POLL_JITTER_US));
                let wait = until.map_or(cap, |until| until.since(clock.now()).min(cap));
                let bell = std::pin::pin!(worker.bell.wait());
                let timer = std::pin::pin!(sleep(&world.0.time, wait));
                select(bell, timer).await;
            }
        }
    }
}
