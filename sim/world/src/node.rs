//! Nodes: who there is, who is up, and how one is killed and restarted.
//!
//! A replica, a client and the broker are nodes of madsim; a database and the mail server exist as
//! state only. What a node does while it lives is `boot.rs`'s; what a death means to those who depend
//! on the node is `faults/process.rs`'s.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use madsim::runtime::{Handle, NodeHandle};
use madsim::task::NodeId;
use stormproof_faults::mistake::one_of;
use stormproof_ports::metrics::TransactionMetrics;

use crate::{ServiceSpec, Spec, lock};

/// A node's place in the world's table; nothing to anybody outside, who knows nodes by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeIndex(pub(super) u16);

impl NodeIndex {
    /// Who tells of faults in the story; no node.
    pub(super) const FAULT: NodeIndex = NodeIndex(u16::MAX);
}

/// One life of a node, from boot to death.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Life {
    pub(super) node: NodeIndex,
    /// From 1.
    pub(super) boot: u32,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A replica of the service with this place in the spec.
    Replica(usize),
    Client,
    /// The database with this place among the services.
    Database(usize),
    Broker,
    Mail,
    /// Carries late requests and restarts nodes: the world's own, no fault reaches it.
    Network,
}

/// Whether a node lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    Up,
    Paused,
    /// It said goodbye.
    Stopped,
    /// It did not.
    Crashed,
}

/// All nodes of a world.
pub(super) struct Nodes {
    nodes: Vec<Node>,
    services: Vec<Service>,
    by_id: OnceLock<BTreeMap<NodeId, NodeIndex>>,
    /// Tasks spawned since madsim forgot those that have ended.
    spawned: AtomicUsize,
    pub(super) broker: NodeIndex,
    pub(super) mail: NodeIndex,
    pub(super) network: NodeIndex,
}

struct Node {
    name: Arc<str>,
    /// The service whose replica it is, or its own name.
    group: Arc<str>,
    role: Role,
    id: OnceLock<NodeId>,
    /// Microseconds.
    clock_offset: i64,
    /// Of all its lives.
    transactions: TransactionMetrics,
    state: Mutex<NodesState>,
}

struct NodesState {
    power: Power,
    boot: u32,
    /// When `power` became what it is.
    since: Duration,
    /// The boots that ended in a power cut; few, and seldom asked for.
    crashed: Vec<u32>,
}

struct Service {
    spec: ServiceSpec,
    replicas: Vec<NodeIndex>,
    turn: AtomicUsize,
}

/// After how many spawned tasks those that have ended are forgotten.
const FORGET_AFTER: usize = 1024;

/// How long a load balancer takes to notice that a replica is gone.
const NOTICED_AFTER: Duration = Duration::from_secs(1);

/// The table, before there is a world.
impl Nodes {
    pub(super) fn new(spec: &mut Spec) -> Nodes {
        let mut nodes = Nodes {
            nodes: Vec::new(),
            services: Vec::new(),
            by_id: OnceLock::new(),
            spawned: AtomicUsize::new(0),
            broker: NodeIndex::FAULT,
            mail: NodeIndex::FAULT,
            network: NodeIndex::FAULT,
        };
        nodes.broker = nodes.add("broker".to_owned(), "broker", Role::Broker);
        nodes.mail = nodes.add("mail".to_owned(), "mail", Role::Mail);
        nodes.network = nodes.add("network".to_owned(), "network", Role::Network);
        for (place, spec) in std::mem::take(&mut spec.services).into_iter().enumerate() {
            let role = Role::Replica(place);
            let replicas = match spec.replicas {
                1 => vec![nodes.add(spec.name.to_owned(), spec.name, role)],
                count => (1..=count)
                    .map(|number| nodes.add(format!("{}-{number}", spec.name), spec.name, role))
                    .collect(),
            };
            nodes.services.push(Service { spec, replicas, turn: AtomicUsize::new(0) });
        }
        for place in 0..nodes.services.len() {
            let name = format!("{}-db", nodes.services[place].spec.name);
            nodes.add(name.clone(), &name, Role::Database(place));
        }
        for client in &spec.clients {
            nodes.add(client.clone(), client, Role::Client);
        }
        for (name, offset) in &spec.clock_offsets {
            for node in nodes.named(name).collect::<Vec<_>>() {
                nodes.nodes[usize::from(node.0)].clock_offset = *offset;
            }
        }
        nodes
    }

    fn add(&mut self, name: String, group: &str, role: Role) -> NodeIndex {
        let index = NodeIndex(u16::try_from(self.nodes.len()).expect("fewer than 65535 nodes"));
        self.nodes.push(Node {
            name: name.into(),
            group: group.into(),
            role,
            id: OnceLock::new(),
            clock_offset: 0,
            transactions: TransactionMetrics::default(),
            state: Mutex::new(NodesState {
                power: Power::Up,
                boot: 1,
                since: Duration::ZERO,
                crashed: Vec::new(),
            }),
        });
        index
    }

    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.nodes.iter().map(|node| node.name.clone()).collect()
    }
}

/// Looking nodes up.
impl Nodes {
    /// # Panics
    /// If there is no node of this name.
    pub(super) fn find(&self, name: &str) -> NodeIndex {
        let index = self.nodes.iter().position(|node| &*node.name == name);
        self.index(index.unwrap_or_else(|| panic!("{}", self.unknown(name))))
    }

    /// Why this name is refused, with those that there are.
    pub(super) fn unknown(&self, name: &str) -> String {
        let mut known = Vec::new();
        for node in self.nodes.iter().filter(|node| node.role != Role::Network) {
            if node.group != node.name && !known.contains(&node.group) {
                known.push(node.group.clone());
            }
            known.push(node.name.clone());
        }
        format!("no node is named {name:?}; expected {}", one_of(known))
    }

    /// The nodes that a fault means by `name`: one, or all replicas of a service. Where a service
    /// has one replica, its number may be said or left out.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = NodeIndex> {
        (0..self.nodes.len()).map(|at| self.index(at)).filter(move |node| self.is(*node, name))
    }

    /// Whether `node` is meant by `name`.
    pub(super) fn is(&self, node: NodeIndex, name: &str) -> bool {
        let node = &self.nodes[usize::from(node.0)];
        *node.name == *name
            || *node.group == *name
            || node.name == node.group && name.strip_suffix("-1") == Some(&node.name)
    }

    pub(super) fn of_database(&self, place: usize) -> NodeIndex {
        let index = self.nodes.iter().position(|node| node.role == Role::Database(place));
        self.index(index.expect("every service has a database"))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = NodeIndex> {
        (0..self.nodes.len()).map(|at| self.index(at))
    }

    pub(super) fn name(&self, node: NodeIndex) -> &Arc<str> {
        &self.nodes[usize::from(node.0)].name
    }

    pub(super) fn group(&self, node: NodeIndex) -> &Arc<str> {
        &self.nodes[usize::from(node.0)].group
    }

    pub(super) fn role(&self, node: NodeIndex) -> Role {
        self.nodes[usize::from(node.0)].role
    }

    pub(super) fn clock_offset(&self, node: NodeIndex) -> i64 {
        self.nodes[usize::from(node.0)].clock_offset
    }

    pub(super) fn transactions(&self, node: NodeIndex) -> &TransactionMetrics {
        &self.nodes[usize::from(node.0)].transactions
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &ServiceSpec> {
        self.services.iter().map(|service| &service.spec)
    }

    pub(super) fn service(&self, place: usize) -> &ServiceSpec {
        &self.services[place].spec
    }

    /// The node whose task is running.
    pub(super) fn current(&self) -> NodeIndex {
        let known = self.by_id.get().and_then(|by_id| by_id.get(&madsim::plugin::node()));
        known.copied().unwrap_or(self.network)
    }

    /// The replica of `service` whose turn it is to get a request; like a load balancer, it leaves
    /// out those that are known to be down while another is up.
    pub(super) fn pick(&self, service: &str, now: Duration) -> Option<NodeIndex> {
        let service = self.services.iter().find(|other| other.spec.name == service)?;
        let count = service.replicas.len();
        let turn = service.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = (0..count).map(|step| service.replicas[(turn + step) % count]);
        let mut available = in_turn.filter(|node| {
            let state = lock(&self.nodes[usize::from(node.0)].state);
            match state.power {
                Power::Up | Power::Paused => true,
                Power::Stopped => false,
                Power::Crashed => now < state.since + NOTICED_AFTER,
            }
        });
        Some(available.next().unwrap_or(service.replicas[turn % count]))
    }

    fn index(&self, at: usize) -> NodeIndex {
        NodeIndex(u16::try_from(at).expect("fewer than 65535 nodes"))
    }
}

/// Life and death.
impl Nodes {
    pub(super) fn power(&self, node: NodeIndex) -> Power {
        lock(&self.nodes[usize::from(node.0)].state).power
    }

    /// The present life, or the last one.
    pub(super) fn life(&self, node: NodeIndex) -> Life {
        Life { node, boot: lock(&self.nodes[usize::from(node.0)].state).boot }
    }

    /// Whether this life goes on; a paused node lives.
    pub(super) fn is_alive(&self, life: Life) -> bool {
        let state = lock(&self.nodes[usize::from(life.node.0)].state);
        state.boot == life.boot && matches!(state.power, Power::Up | Power::Paused)
    }

    /// Whether this life ended in a power cut, so that nobody has heard of its end.
    pub(super) fn has_crashed(&self, life: Life) -> bool {
        lock(&self.nodes[usize::from(life.node.0)].state).crashed.contains(&life.boot)
    }

    /// Kills the node's tasks; false if it was down already. They are dropped where they stand, a
    /// moment later.
    pub(super) fn kill(&self, node: NodeIndex, how: Power, now: Duration) -> bool {
        let was = self.set(node, how, now);
        if let Some(id) = self.madsim(node)
            && matches!(was, Power::Up | Power::Paused)
        {
            // Killing drops paused tasks under a lock that their destructors may need.
            Handle::current().resume(id);
            Handle::current().kill(id);
        }
        matches!(was, Power::Up | Power::Paused)
    }

    /// Boots a killed node. Its boot number rises, so that what belonged to the last life shows.
    pub(super) fn boot(&self, node: NodeIndex, now: Duration) {
        lock(&self.nodes[usize::from(node.0)].state).boot += 1;
        self.set(node, Power::Up, now);
        if let Some(id) = self.madsim(node) {
            Handle::current().restart(id);
        }
    }

    pub(super) fn pause(&self, node: NodeIndex, now: Duration) -> bool {
        if self.power(node) != Power::Up {
            return false;
        }
        self.set(node, Power::Paused, now);
        if let Some(id) = self.madsim(node) {
            Handle::current().pause(id);
        }
        true
    }

    pub(super) fn resume(&self, node: NodeIndex, now: Duration) -> bool {
        if self.power(node) != Power::Paused {
            return false;
        }
        self.set(node, Power::Up, now);
        if let Some(id) = self.madsim(node) {
            Handle::current().resume(id);
        }
        true
    }

    /// Where tasks of the node are spawned.
    ///
    /// # Panics
    /// If the node runs no tasks: a database or the mail server.
    pub(super) fn spawner(&self, node: NodeIndex) -> NodeHandle {
        let id = self.madsim(node).expect("databases and the mail server run no tasks");
        let handle = Handle::current();
        if self.spawned.fetch_add(1, Ordering::Relaxed) >= FORGET_AFTER {
            self.spawned.store(0, Ordering::Relaxed);
            // madsim keeps a note of every task until it is asked how many there are.
            handle.metrics().num_tasks();
        }
        handle.get_node(id).expect("madsim forgets no node")
    }

    /// Remembers what madsim calls its nodes.
    pub(super) fn bind(&self, ids: impl Iterator<Item = (NodeIndex, NodeId)>) {
        let mut by_id = BTreeMap::new();
        for (node, id) in ids {
            self.nodes[usize::from(node.0)].id.set(id).expect("a node is made once");
            by_id.insert(id, node);
        }
        self.by_id.set(by_id).expect("nodes are made once");
    }

    fn set(&self, node: NodeIndex, power: Power, now: Duration) -> Power {
        let mut state = lock(&self.nodes[usize::from(node.0)].state);
        let was = std::mem::replace(&mut state.power, power);
        state.since = now;
        if power == Power::Crashed && was != power {
            let boot = state.boot;
            state.crashed.push(boot);
        }
        was
    }

    fn madsim(&self, node: NodeIndex) -> Option<NodeId> {
        self.nodes[usize::from(node.0)].id.get().copied()
    }
}
