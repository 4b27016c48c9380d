//! Databases: one connection on a disk each, used by one transaction at a time.
//!
//! SQL runs at once; the time that it takes is spent before the begin and after the commit, where
//! nobody else has to wait for it. A database that dies takes its sessions along: what was not
//! committed is undone, and who waited for a commit does not know.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_lock::MutexGuardArc;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rand::Rng as _;
use sqlx::AnyConnection;
use sqlx_core::any::AnyTransactionManager;
use sqlx_core::sql_str::SqlStr;
use sqlx_core::transaction::TransactionManager as _;
use stormproof_ports::story::Fact;
use stormproof_ports::{Database, DatabaseError, Session};

use crate::disk_images::FILE;
use crate::faults::network::link;
use crate::faults::process::slowness;
use crate::faults::{FaultKind, database, pass};
use crate::history::Kind as Event;
use crate::moment::{Act, Side};
use crate::node::{Life, NodeIndex, Power};
use crate::ports::CONNECT_TIMEOUT;
use crate::seed::{Seed, Stream};
use crate::sleep::{sleep, within};
use crate::spec::Commit;
use crate::{World, lock};
use stormproof_sqlite::{Disk, Image, open};

/// How long a transaction waits for the one before it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database and its disk.
pub(crate) struct DatabaseHost {
    name: Arc<str>,
    node: NodeIndex,
    disk: Disk,
    state: Mutex<DatabaseState>,
}

struct DatabaseState {
    /// Absent while a session has it.
    connection: Option<AnyConnection>,
    turn: Arc<async_lock::Mutex<()>>,
    /// Rises when all sessions die.
    epoch: u64,
    holder: Option<NodeIndex>,
    stream: Stream,
}

impl DatabaseHost {
    pub(crate) fn new(seed: Seed, name: &Arc<str>, node: NodeIndex, image: &Image) -> DatabaseHost {
        let disk = Disk::from_image(name, image);
        let state = DatabaseState {
            connection: Some(connect(&disk)),
            turn: Arc::default(),
            epoch: 1,
            holder: None,
            stream: seed.stream(name),
        };
        DatabaseHost { name: name.clone(), node, disk, state: Mutex::new(state) }
    }

    /// How long things take is drawn anew.
    pub(crate) fn reseed(&self, seed: Seed) {
        lock(&self.state).stream = seed.stream(&self.name);
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The database dies: with its power, or in order. It recovers at once, so that it can be
    /// looked at; it answers nobody until its node is up.
    pub(crate) fn down(&self, how: Power) {
        let mut state = lock(&self.state);
        match how {
            Power::Crashed => self.disk.power_cut(),
            _ => self.disk.detach(),
        }
        self.end_sessions(&mut state);
    }

    /// Ends the session of a node that has been silent inside a transaction for too long.
    pub(crate) fn evict(&self, node: NodeIndex) {
        let mut state = lock(&self.state);
        if state.holder == Some(node) {
            self.disk.detach();
            self.end_sessions(&mut state);
        }
    }

    /// The files are recovered by opening them; whoever held the old connection holds a dead one.
    fn end_sessions(&self, state: &mut DatabaseState) {
        state.connection = None;
        state.epoch += 1;
        state.turn = Arc::default();
        state.holder = None;
        state.connection = Some(connect(&self.disk));
    }

    /// The connection, for the one whose turn it is; none if the database died meanwhile.
    fn take(&self, epoch: u64, holder: NodeIndex) -> Option<AnyConnection> {
        let mut state = lock(&self.state);
        if state.epoch != epoch {
            return None;
        }
        state.holder = Some(holder);
        Some(state.connection.take().expect("whose turn it is finds it"))
    }

    fn latency(&self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_micros(lock(&self.state).stream.random_range(range))
    }
}

fn connect(disk: &Disk) -> AnyConnection {
    let connection = open(disk, FILE).now_or_never().expect("SQL in the world never waits");
    connection.expect("a disk with power recovers its database")
}

/// The way to a database from one life of a node.
pub(super) struct SimDatabase {
    world: World,
    life: Life,
    place: usize,
}

impl SimDatabase {
    pub(super) fn new(world: &World, life: Life, place: usize) -> SimDatabase {
        SimDatabase { world: world.clone(), life, place }
    }

    async fn open_session(&self) -> Result<Box<dyn Session>, DatabaseError> {
        let world = &self.world;
        let time = &world.0.time;
        let host = &world.0.databases[self.place];
        let (me, node) = (self.life.node, host.node);
        let (out, back) = (link(world, me, node), link(world, node, me));
        let slow = slowness(world, me) + slowness(world, node);
        match world.0.nodes.power(node) {
            Power::Up if !out.cut && !back.cut => {}
            Power::Stopped => {
                return Err(DatabaseError::Unavailable(format!("{} refuses", host.name)));
            }
            _ => {
                sleep(time, CONNECT_TIMEOUT).await;
                return Err(DatabaseError::Unavailable(format!(
                    "no connection to {} in time",
                    host.name
                )));
            }
        }
        sleep(time, host.latency(200..1_500) + out.delay + back.delay + slow).await;
        loop {
            let (epoch, turn) = {
                let state = lock(&host.state);
                (state.epoch, state.turn.clone())
            };
            let guard = match turn.try_lock_arc() {
                Some(guard) => guard,
                None => within(time, BUSY_TIMEOUT, turn.lock_arc())
                    .await
                    .ok_or_else(|| DatabaseError::Unavailable(format!("{} is busy", host.name)))?,
            };
            let Some(connection) = host.take(epoch, me) else { continue };
            let mut session = SimSession {
                world: world.clone(),
                life: self.life,
                place: self.place,
                epoch,
                connection: Some(connection),
                _turn: guard,
            };
            let begin = SqlStr::from_static("BEGIN IMMEDIATE");
            AnyTransactionManager::begin(session.connection(), Some(begin)).await?;
            return Ok(Box::new(session));
        }
    }
}

impl Database for SimDatabase {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Session>, DatabaseError>> {
        Box::pin(self.open_session())
    }
}

/// An open transaction. The connection goes back before the turn does: fields drop in order.
struct SimSession {
    world: World,
    life: Life,
    place: usize,
    epoch: u64,
    /// Absent once given back.
    connection: Option<AnyConnection>,
    _turn: MutexGuardArc<()>,
}

impl SimSession {
    fn host(&self) -> &DatabaseHost {
        &self.world.0.databases[self.place]
    }

    /// Whether the database has not died, or thrown this session out, since it began.
    fn is_live(&self) -> bool {
        lock(&self.host().state).epoch == self.epoch
    }

    /// Ends the transaction if it is still open, and lets the connection go.
    fn give_back(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if !self.is_live() {
            return;
        }
        if AnyTransactionManager::get_transaction_depth(&connection) > 0 {
            AnyTransactionManager::start_rollback(&mut connection);
        }
        let mut state = lock(&self.host().state);
        state.connection = Some(connection);
        state.holder = None;
    }

    async fn finish(mut self: Box<Self>, facts: &[Fact]) -> Result<(), DatabaseError> {
        let (world, life) = (self.world.clone(), self.life);
        let host = &world.0.databases[self.place];
        let time = &world.0.time;
        let mut aimed = None;
        for fact in facts {
            let name = [fact.noun, fact.state];
            let fault = pass(&world, life, Side::Before, Act::Commit, &name).await;
            aimed = aimed.or(fault);
        }
        let fault = aimed.or_else(|| database::commit(&world, host.node)).map(|fault| fault.kind);
        match fault {
            Some(FaultKind::ConnectionLostBeforeCommit) => {
                return Err(DatabaseError::Unavailable("connection lost before the commit".into()));
            }
            Some(FaultKind::SerializationFailure) => return Err(DatabaseError::Serialization),
            _ => {}
        }
        if !self.is_live() {
            return Err(DatabaseError::Unavailable(format!("{} was lost", host.name)));
        }
        if link(&world, life.node, host.node).cut {
            self.give_back();
            drop(self);
            sleep(time, CONNECT_TIMEOUT).await;
            return Err(DatabaseError::Unknown(format!("{} did not answer in time", host.name)));
        }

        AnyTransactionManager::commit(self.connection()).await.map_err(DatabaseError::from)?;
        let epoch = self.epoch;
        self.give_back();
        drop(self);
        let changes = host.disk.take_changes();
        observe(&world, life, host, facts, &changes);
        let back = link(&world, host.node, life.node);
        if !changes.is_empty() {
            sleep(time, host.latency(1_000..3_000) + back.delay).await;
        }

        if back.cut || lock(&host.state).epoch != epoch {
            sleep(time, CONNECT_TIMEOUT).await;
            return Err(DatabaseError::Unknown(format!("{} did not answer in time", host.name)));
        }
        if fault == Some(FaultKind::ConnectionLostAfterCommit) {
            return Err(DatabaseError::Unknown("connection lost after the commit".into()));
        }
        let mut lost = false;
        for fact in facts {
            let name = [fact.noun, fact.state];
            let aimed = pass(&world, life, Side::After, Act::Commit, &name).await;
            lost |= aimed.is_some_and(|it| it.kind == FaultKind::ConnectionLostAfterCommit);
        }
        match lost {
            true => Err(DatabaseError::Unknown("connection lost after the commit".into())),
            false => Ok(()),
        }
    }
}

impl Session for SimSession {
    fn connection(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("only the end of the session gives it back")
    }

    fn commit<'a>(self: Box<Self>, facts: &'a [Fact]) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a,
    {
        Box::pin(self.finish(facts))
    }
}

impl Drop for SimSession {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Records a commit and shows it to the observers, before anything else can happen.
fn observe(
    world: &World,
    life: Life,
    host: &DatabaseHost,
    facts: &[Fact],
    changes: &[stormproof_sqlite::Change],
) {
    let at = world.elapsed();
    if changes.is_empty() && facts.is_empty() {
        return;
    }
    let history = &world.0.history;
    let subject = facts.first().map_or("", |fact| &fact.subject);
    let mut parts = vec![&*host.name];
    parts.extend(facts.iter().flat_map(|fact| [fact.noun, fact.state]));
    parts.extend(changes.iter().map(|change| &*change.table));
    history.record(at, life.node, Event::Commit, subject, &parts);
    let node = world.0.nodes.name(life.node);
    let commit = Commit { at, node, database: &host.name, facts, changes };
    for observer in &mut *lock(&world.0.observers) {
        observer(world, &commit);
    }
}
