//! The ports of a node, bound to the world: the same names as in `stormproof-ports`.
//!
//! Bindings take time, pass the moments at which faults aim, and ask the injector what goes wrong.

pub(super) mod clock;
pub(super) mod compute;
pub(super) mod connector;
pub(super) mod database;
pub(super) mod http;
pub(super) mod mailer;
pub(super) mod queue;
pub(super) mod rng;

use std::sync::Arc;
use std::time::Duration;

use stormproof_ports::absent::Absent;
use stormproof_ports::{Database, Ports};

use crate::World;
use crate::node::{NodeIndex, Role};

/// How long a connection attempt waits for an answer where the caller sets no limit.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Fresh bindings for the present life of a node.
pub(super) fn of(world: &World, node: NodeIndex) -> Ports {
    let nodes = &world.0.nodes;
    let life = nodes.life(node);
    let database: Arc<dyn Database> = match nodes.role(node) {
        Role::Replica(place) => Arc::new(database::SimDatabase::new(world, life, place)),
        _ => Arc::new(Absent("clients have no database")),
    };
    Ports {
        node: nodes.name(node).clone(),
        clock: Arc::new(clock::SimClock {
            world: world.clone(),
            node,
            offset: nodes.clock_offset(node),
        }),
        rng: Arc::new(rng::SimRng::new(world, life)),
        http: Arc::new(http::SimHttp::new(world, life)),
        queue: Arc::new(queue::SimQueue::new(world, life)),
        database,
        mailer: Arc::new(mailer::SimMailer::new(world, life)),
        compute: Arc::new(compute::Inline),
        outgoing: Default::default(),
        transactions: nodes.transactions(node).clone(),
    }
}
