//! What a world is made of.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use stormproof_broker::Broker;
use stormproof_ports::machine::Machine;
use stormproof_ports::story::Fact;
use stormproof_ports::worker::Worker;
use stormproof_ports::{Call, Mail, Ports};

use crate::World;
use crate::faults::Fault;
use crate::reseed::Reseed;
use stormproof_sqlite::{Change, Image, Isolation};

/// Everything that decides a run, but for the caller's own story.
pub struct Spec {
    /// What decides all that the rest leaves open.
    pub seed: u64,
    /// What goes wrong; times count from the beginning of the world.
    pub faults: Vec<Fault>,
    /// What serves, with a database each.
    pub services: Vec<ServiceSpec>,
    /// Nodes without a server, such as `user-1`.
    pub clients: Vec<String>,
    /// The broker with its exchanges, queues and bindings declared.
    pub broker: Broker,
    /// How the transactions of a database stand to each other.
    pub concurrency: Concurrency,
    /// A machine that all nodes share: their work takes what it takes there, and nothing else takes
    /// time but what faults delay. `None`: every node has as many processors as it wants, and times are
    /// drawn. With a machine, transactions have to overlap.
    pub machine: Option<Machine>,
    /// The template of a mail: moments of mails are named by it.
    pub template: fn(&Mail) -> String,
    /// What the story calls its subjects by, before their numbers: with `job` they are `job-1`,
    /// `job-2` and so on, by first mention. `None`: by their ids.
    pub alias: Option<String>,
    /// Called after each commit, at once, before anything else happens.
    pub observers: Vec<Observer>,
    /// Called with each request that a node makes, as it leaves.
    pub listeners: Vec<Listener>,
    /// Texts that no log line or span may hold, of whatever crate and at whatever level:
    /// [`World::logged`] tells those that did. Empty: nobody listens, which is cheapest.
    pub never_logged: Vec<&'static str>,
    /// Whether to keep every event as a JSON line.
    pub trace: bool,
    /// Whether every pass of a moment is kept.
    pub passages: bool,
    /// How far a node's clock is off, in microseconds, by node name.
    pub clock_offsets: Vec<(String, i64)>,
    /// When chance is drawn anew, if it is.
    pub reseed: Option<Reseed>,
    /// The virtual time after which a world that has not ended is taken for one that hangs.
    pub limit: Duration,
    /// So many events and the run panics: something goes round without getting anywhere, which the
    /// limit of time alone would let go on for hours. A call makes two, a commit one, a message four.
    pub events_max: u64,
}

/// How the transactions of a database stand to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// One after the other, each at an instant.
    #[default]
    Serial,
    /// Beside each other: statements and commits take time, and what they change conflicts as it would
    /// in PostgreSQL.
    Overlapping {
        /// What each sees of the others.
        isolation: Isolation,
        /// How many transactions a node has open at once; others wait for one of them.
        connections: usize,
    },
}

/// A service: its replicas share one database, `<name>-db`.
#[derive(Clone)]
pub struct ServiceSpec {
    pub(super) name: &'static str,
    pub(super) replicas: usize,
    pub(super) image: Image,
    pub(super) replica: MakeReplica,
}

type MakeReplica = Arc<dyn Fn(&Ports) -> (Router, Vec<Worker>) + Send + Sync>;

/// Looks at a commit. It may peek at any database.
pub type Observer = Box<dyn FnMut(&World, &Commit<'_>) + Send>;

/// Hears of a request: the virtual time since the world began, the node's name, and what it asks.
pub type Listener = Box<dyn FnMut(Duration, &str, &Call) + Send>;

/// What a transaction has just made true.
pub struct Commit<'a> {
    /// Virtual time since the world began.
    pub at: Duration,
    /// The name of the node that committed.
    pub node: &'a str,
    /// The database's name: `<service>-db`.
    pub database: &'a str,
    /// What the transaction told, in its order.
    pub facts: &'a [Fact],
    /// The rows that changed; look them up with `peek`.
    pub changes: &'a [Change],
}

impl Spec {
    /// An empty world.
    pub fn new(seed: u64) -> Spec {
        Spec {
            seed,
            faults: Vec::new(),
            services: Vec::new(),
            clients: Vec::new(),
            broker: Broker::new(),
            concurrency: Concurrency::default(),
            machine: None,
            template: |mail| mail.subject.clone(),
            alias: None,
            observers: Vec::new(),
            listeners: Vec::new(),
            never_logged: Vec::new(),
            trace: false,
            passages: false,
            clock_offsets: Vec::new(),
            reseed: None,
            limit: Duration::from_secs(30 * 24 * 3600),
            events_max: 1_000_000,
        }
    }
}

impl ServiceSpec {
    /// One replica without routes or workers, on a database that begins as `image`.
    pub fn new(name: &'static str, image: Image) -> ServiceSpec {
        ServiceSpec { name, replicas: 1, image, replica: Arc::new(|_| (Router::new(), Vec::new())) }
    }

    /// The name that stands for all its replicas.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What every replica serves and works at, made anew at each boot.
    #[must_use]
    pub fn serving(
        self,
        router: impl Fn(&Ports) -> Router + Send + Sync + 'static,
        workers: impl Fn(&Ports) -> Vec<Worker> + Send + Sync + 'static,
    ) -> ServiceSpec {
        self.running(move |ports| (router(ports), workers(ports)))
    }

    /// The same, made together: what router and workers of one replica share is theirs.
    #[must_use]
    pub fn running(
        mut self,
        replica: impl Fn(&Ports) -> (Router, Vec<Worker>) + Send + Sync + 'static,
    ) -> ServiceSpec {
        self.replica = Arc::new(replica);
        self
    }

    /// One replica bears the service's name, several are numbered: `ledger-1`, `ledger-2`.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> ServiceSpec {
        self.replicas = replicas;
        self
    }
}
