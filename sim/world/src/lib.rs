//! A seeded world: services on simulated nodes, network, broker, databases and a mail server, all
//! on one thread and in virtual time.
//!
//! Generic: names of services, queues and moments are data. [`run`] builds a [`World`] from a
//! [`Spec`] and hands it to the caller's story; the same spec gives the same run, byte for byte.
//! What is judged and what is told at the end is the caller's affair.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::post};
//! use bytes::Bytes;
//! use http::{HeaderMap, Method};
//! use sqlx::migrate::Migrator;
//! use stormproof_ports::{Call, Ports};
//! use stormproof_world::faults::{Fault, FaultKind, Target, When};
//! use stormproof_world::{ServiceSpec, Spec, migrated, run};
//!
//! const SECOND: Duration = Duration::from_secs(1);
//!
//! fn router(_: &Ports) -> Router {
//!     Router::new().route("/book", post(async || "booked"))
//! }
//!
//! let mut spec = Spec::new(7);
//! let image = migrated("ledger", || Migrator::with_migrations(Vec::new()));
//! let ledger = ServiceSpec::new("ledger", image).serving(router, |_| Vec::new());
//! spec.services = vec![ledger.replicas(2)];
//! spec.clients = vec!["user".into()];
//! let storm = When::During { from: Duration::ZERO, until: 60 * SECOND, times: u32::MAX };
//! spec.faults = vec![Fault::new(FaultKind::Cut, Target::link("user", "ledger")).when(storm)];
//!
//! let answers = run(spec, |world| async move {
//!     let mut answers = Vec::new();
//!     for _ in 0..2 {
//!         let ports = world.ports("user");
//!         let call = Call {
//!             to: "ledger".into(),
//!             operation: "book".into(),
//!             method: Method::POST,
//!             path: "/book".into(),
//!             headers: HeaderMap::new(),
//!             body: Bytes::new(),
//!             timeout: 5 * SECOND,
//!         };
//!         let visit = world.spawn("user", async move { ports.http.call(call).await });
//!         answers.push(visit.await.expect("nobody kills the user"));
//!         world.heal_all().await;
//!     }
//!     answers
//! });
//! assert!(answers[0].is_err());
//! assert_eq!(answers[1].as_ref().expect("the storm is over").body, "booked");
//! ```

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

#[cfg(not(madsim))]
compile_error!(
    "this package needs `--cfg madsim`, which .cargo/config.toml sets; an environment RUSTFLAGS \
     replaces it: unset RUSTFLAGS or add `--cfg madsim` to it"
);

mod boot;
mod broker;
pub mod diagram;
pub mod disk_images;
pub mod faults;
pub mod history;
mod http;
mod names;
mod node;
mod phases;
mod ports;
mod processors;
mod reseed;
mod run;
pub mod seed;
mod sleep;
pub mod spec;
mod story;
mod task;
#[cfg(test)]
mod tests;
pub mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stormproof_broker::Broker;
use stormproof_faults::injector::StrikeTime;
use stormproof_faults::service_moment::{ServiceMoment, Strike};
use stormproof_ports::Ports;
use stormproof_ports::metrics::OutcomeCounts;
use stormproof_ports::time::Time;

pub use disk_images::migrated;
pub use ports::connector::{Connector, Executor, Stream as Connection};
pub use ports::database::TransactionCounts;

pub use ports::mailer::SentMail;
pub use reseed::Reseed;
pub use run::run;
pub use spec::{Commit, Concurrency, Listener, Observer, ServiceSpec, Spec};
pub use stormproof_faults::moment;
pub use stormproof_sqlite::Isolation;
pub use story::Logged;
pub use task::{Killed, Task};

use broker::BrokerHost;
use faults::Fault;
use history::History;
use http::door::Doors;
use node::{Nodes, Role};
use ports::database::DatabaseHost;
use ports::mailer::MailHost;
use processors::Processors;
use seed::{Seed, Stream};
use stormproof_faults::Injector;
use stormproof_sqlite::Disk;

/// Virtual time zero by an undisturbed clock: 2030-01-01 00:00 UTC.
pub const EPOCH: Time = Time(1_893_456_000_000_000);

/// A running world. Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Inner>);

pub(crate) struct Inner {
    seed: Seed,
    time: madsim::time::TimeHandle,
    history: History,
    nodes: Nodes,
    injector: Injector,
    databases: Vec<DatabaseHost>,
    broker: BrokerHost,
    concurrency: Concurrency,
    processors: Option<Processors>,
    doors: Doors,
    mail: MailHost,
    observers: Mutex<Vec<Observer>>,
    listeners: Mutex<Vec<Listener>>,
    logged: Mutex<BTreeSet<Logged>>,
}

/// Acting in the world.
impl World {
    /// The ports of a node: a client's to act with, or a replica's to look at it from inside. A
    /// client has no database; everything else works, from tasks that were [spawned](World::spawn)
    /// on the node. They belong to the node's present life: after a restart, ask for new ones.
    ///
    /// # Panics
    /// If no node has this name.
    pub fn ports(&self, node: &str) -> Ports {
        ports::of(self, self.0.nodes.find(node))
    }

    /// Runs `future` on a node, so that its network, its story lines and its faults are the node's:
    /// awaiting the task gives an error if the node is killed meanwhile. On a node that is down it
    /// never runs.
    ///
    /// # Panics
    /// If no node has this name, or if it runs no tasks: a database or the mail server.
    pub fn spawn<F>(&self, node: &str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let nodes = &self.0.nodes;
        let node = nodes.find(node);
        Task::new(nodes.name(node).clone(), nodes.spawner(node).spawn(future))
    }

    /// The same of a future that does not leave its thread; it is made on the node.
    ///
    /// # Panics
    /// As [`World::spawn`].
    pub fn spawn_local<M, F>(&self, node: &str, make: M) -> Task<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.spawn(node, async move {
            madsim::task::spawn_local(make()).await.expect("it dies with its node only")
        })
    }

    /// Sleeps in virtual time.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        sleep::sleep(&self.0.time, duration)
    }

    /// Makes a fault of the process family (crash, stop, pause) happen now, whatever its
    /// `when` says. Other faults do nothing here.
    ///
    /// # Panics
    /// If the fault names a node that is not there.
    pub fn strike(&self, fault: &Fault) {
        names::check_fault(&self.0.nodes, fault);
        faults::process::strike(self, fault);
    }

    /// Ends the storm: no fault fires any more, every condition is healed, every node is up, and
    /// what was held aside has arrived or is on its way.
    pub async fn heal_all(&self) {
        phases::heal_all(self).await;
    }

    /// Waits until `fact` holds, looking at it once per virtual second. Returns the time at which
    /// it held, or `None` if it did not within `bound`.
    pub async fn until(&self, bound: Duration, fact: impl FnMut() -> bool) -> Option<Duration> {
        phases::until(self, bound, fact).await
    }

    /// Waits until nothing has moved at two looks in a row, a virtual second apart; while all is quiet
    /// and something moves all the same, such as whoever waits for an hour to pass, it looks when an
    /// event comes, and every sixteen seconds. Returns the time of the second look, or `None` if
    /// something moves after `bound`.
    pub async fn rest(&self, bound: Duration, moves: impl FnMut() -> bool) -> Option<Duration> {
        phases::rest(self, bound, moves).await
    }
}

/// For clients that make their own connections.
impl World {
    /// The world that this thread runs, if it runs one: where a service is made that wants more
    /// than its ports.
    pub fn current() -> Option<World> {
        run::current()
    }

    /// Connects a node's present life to services, for `hyper_util::client::legacy::Client`:
    ///
    /// ```no_run
    /// # use bytes::Bytes;
    /// # use http::Request;
    /// # use http_body_util::Full;
    /// # use hyper_util::client::legacy::Client;
    /// # async fn look(world: stormproof_world::World) -> Result<(), Box<dyn std::error::Error>> {
    /// let (connector, executor) = (world.connector("user"), world.executor("user"));
    /// let client = Client::builder(executor).build(connector);
    /// client.request(Request::get("http://ledger/entries").body(Full::<Bytes>::default())?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// If no node has this name.
    pub fn connector(&self, node: &str) -> Connector {
        Connector::new(self, self.0.nodes.life(self.0.nodes.find(node)))
    }

    /// Spawns a client's own tasks on a node's present life.
    ///
    /// # Panics
    /// If no node has this name.
    pub fn executor(&self, node: &str) -> Executor {
        Executor::new(self, self.0.nodes.life(self.0.nodes.find(node)))
    }
}

/// Looking at the world, from outside and at once.
impl World {
    /// What decides all that the spec leaves open.
    pub fn seed(&self) -> Seed {
        self.0.seed
    }

    /// A random stream of its own, for the caller's workload.
    pub fn stream(&self, name: &str) -> Stream {
        self.0.seed.stream(name)
    }

    /// Virtual time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.0.time.elapsed()
    }

    /// Virtual time as an undisturbed clock shows it.
    pub fn now(&self) -> Time {
        EPOCH + self.elapsed()
    }

    /// A database's disk, for [`Disk::peek`]. Databases are named after their service: `ledger-db`.
    ///
    /// # Panics
    /// If there is no such database.
    pub fn database(&self, name: &str) -> Disk {
        let database = self.0.databases.iter().find(|database| database.name() == name);
        let unknown = || panic!("{}", names::unknown_database(&self.0.nodes, name));
        database.unwrap_or_else(unknown).disk().clone()
    }

    /// Shows the broker: queues, depths, dead letters.
    pub fn broker<T>(&self, look: impl FnOnce(&Broker) -> T) -> T {
        self.0.broker.look(look)
    }

    /// Messages that are nowhere in the broker: on their way to it, or held aside by a fault.
    pub fn messages_in_flight(&self) -> usize {
        self.0.broker.in_flight()
    }

    /// Every mail that the mail server took, in order.
    pub fn mails(&self) -> Vec<SentMail> {
        self.0.mail.mails()
    }

    /// What was logged that never may be ([`Spec::never_logged`]), each text once for each target.
    pub fn logged(&self) -> Vec<Logged> {
        lock(&self.0.logged).iter().cloned().collect()
    }

    /// The story, the trace, the aliases.
    pub fn history(&self) -> &History {
        &self.0.history
    }

    /// A line of the story told by `node`; `subject` may be empty.
    ///
    /// # Panics
    /// If no node has this name.
    pub fn say(&self, node: &str, subject: &str, words: &str) {
        self.0.history.say(self.elapsed(), self.0.nodes.find(node), subject, words);
    }

    /// How often each kind of fault fired, by its name.
    pub fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.0.injector.fired()
    }

    /// The faults that never fired, by their places in `Spec::faults`.
    pub fn unfired(&self) -> Vec<usize> {
        self.0.injector.unfired()
    }

    /// When each fault that fired did.
    pub fn strikes(&self) -> Vec<StrikeTime> {
        self.0.injector.strikes()
    }

    /// Every (service, moment) passed and how often: `ledger: after commit of entry BOOKED`.
    pub fn moments(&self) -> BTreeMap<ServiceMoment, u64> {
        self.0.injector.moments()
    }

    /// Every moment with each kind of fault that struck when it was the last one passed, and how
    /// often.
    pub fn struck(&self) -> BTreeMap<Strike, u64> {
        self.0.injector.struck()
    }

    /// Every pass of a moment until the storm's end; none unless the spec keeps them.
    pub fn passages(&self) -> Vec<moment::Passage> {
        self.0.injector.passages()
    }

    /// How many statements each database has run, by their first word, BEGIN and those COMMITs included
    /// that changed something; none of one whose transactions are serial.
    pub fn statements(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let databases = self.0.databases.iter();
        databases.map(|host| (host.name().to_owned(), host.statements())).collect()
    }

    /// What became of each database's transactions up to now.
    pub fn transactions(&self) -> BTreeMap<String, TransactionCounts> {
        let databases = self.0.databases.iter();
        databases.map(|host| (host.name().to_owned(), host.transactions())).collect()
    }

    /// What became of each replica's transactions up to now, over all its lives, by their names.
    pub fn transactions_by_name(&self) -> BTreeMap<String, BTreeMap<&'static str, OutcomeCounts>> {
        let nodes = &self.0.nodes;
        let replicas = nodes.all().filter(|node| matches!(nodes.role(*node), Role::Replica(_)));
        let read = |node| (nodes.name(node).to_string(), nodes.transactions(node).read());
        replicas.map(read).collect()
    }

    /// What each node has had of the machine's processors; nothing without a machine.
    pub fn processor_time(&self) -> BTreeMap<String, Duration> {
        let spent = self.0.processors.as_ref().map(Processors::spent).unwrap_or_default();
        let named = |(node, time)| (self.0.nodes.name(node).to_string(), time);
        spent.into_iter().map(named).collect()
    }

    /// The last hash of the event chain, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        self.0.history.fingerprint()
    }
}

/// Locks a mutex of the world. There is one thread, so it is free; and a panic elsewhere ends the
/// run anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
