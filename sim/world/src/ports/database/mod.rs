//! Databases: what they are made of, how they die, and how a transaction is begun.
//!
//! There are two ways to have one (`Concurrency`). *Serial*: one connection, used by one transaction at a
//! time; SQL runs at once, and its time is spent before the begin and after the commit, where nobody
//! else has to wait for it. *Overlapping*: each transaction has a connection of its own, of which a node
//! has a few; statements and commits take time, rows are locked meanwhile, and what two of them change
//! decides whether they conflict.
//!
//! A database that dies takes its sessions along: what was not committed is undone, and who waited for a
//! commit does not know. `session` is an open transaction, `pace` the time that it takes.

mod pace;
mod session;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_lock::{Semaphore, SemaphoreGuardArc};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rand::Rng as _;
use sqlx::AnyConnection;
use stormproof_ports::machine::WorkKind;
use stormproof_ports::{Database, DatabaseError, Session};

use crate::disk_images::FILE;
use crate::faults::network::link;
use crate::faults::process::slowness;
use crate::node::{Life, NodeIndex, Power};
use crate::ports::CONNECT_TIMEOUT;
use crate::processors::work;
use crate::seed::{Seed, Stream};
use crate::sleep::{sleep, within};
use crate::spec::Concurrency;
use crate::{World, lock};
use pace::{StatementCounts, TransactionPace};
use session::{SimSession, Turn};
use stormproof_sqlite::{Disk, Image, Isolation, SharedDatabase, open};

/// How long a transaction waits for the one before it, or for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a commit takes, in microseconds.
const COMMIT: Range<u64> = 1_000..3_000;

/// A database and its disk.
pub(crate) struct DatabaseHost {
    name: Arc<str>,
    node: NodeIndex,
    disk: Disk,
    statements: StatementCounts,
    transactions: Mutex<TransactionCounts>,
    state: Mutex<DatabaseState>,
}

/// What became of a database's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounts {
    /// Those that committed, whether or not they had changed anything.
    pub commits: u64,
    /// Those that were refused, or let go before they committed.
    pub rollbacks: u64,
}

struct DatabaseState {
    opened: Opened,
    /// Rises when all sessions die.
    epoch: u64,
    stream: Stream,
}

/// How a database is had while it lives.
enum Opened {
    Serial {
        /// Absent while a session has it.
        connection: Option<AnyConnection>,
        turn: Arc<async_lock::Mutex<()>>,
        holder: Option<NodeIndex>,
    },
    Overlapping {
        database: SharedDatabase,
        isolation: Isolation,
    },
}

impl Opened {
    /// `isolation`: of transactions that overlap.
    fn new(disk: &Disk, isolation: Option<Isolation>) -> Opened {
        match isolation {
            None => {
                let connection = open(disk, FILE).now_or_never().expect("SQL here never waits");
                let connection = connection.expect("a disk with power recovers its database");
                Opened::Serial { connection: Some(connection), turn: Arc::default(), holder: None }
            }
            Some(isolation) => {
                let database = SharedDatabase::open(disk, FILE);
                let database = database.expect("a disk with power recovers its database");
                Opened::Overlapping { database, isolation }
            }
        }
    }
}

impl DatabaseHost {
    pub(crate) fn new(
        seed: Seed,
        name: &Arc<str>,
        node: NodeIndex,
        image: &Image,
        concurrency: Concurrency,
    ) -> DatabaseHost {
        let disk = Disk::from_image(name, image);
        let isolation = match concurrency {
            Concurrency::Serial => None,
            Concurrency::Overlapping { isolation, .. } => Some(isolation),
        };
        let opened = Opened::new(&disk, isolation);
        let state = DatabaseState { opened, epoch: 1, stream: seed.stream(name) };
        let (name, state) = (name.clone(), Mutex::new(state));
        let (statements, transactions) = (StatementCounts::default(), Mutex::default());
        DatabaseHost { name, node, disk, statements, transactions, state }
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

    pub(crate) fn statements(&self) -> BTreeMap<String, u64> {
        self.statements.all()
    }

    pub(crate) fn transactions(&self) -> TransactionCounts {
        *lock(&self.transactions)
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
        match &state.opened {
            Opened::Serial { holder, .. } if *holder == Some(node) => {
                self.disk.detach();
                self.end_sessions(&mut state);
            }
            Opened::Serial { .. } => {}
            Opened::Overlapping { database, .. } => {
                database.evict(u64::from(node.0)).expect("a living database can roll back");
            }
        }
    }

    /// The files are recovered by opening them; whoever held the old connection holds a dead one.
    fn end_sessions(&self, state: &mut DatabaseState) {
        let isolation = match &mut state.opened {
            Opened::Serial { connection, .. } => {
                *connection = None;
                None
            }
            Opened::Overlapping { database, isolation } => {
                database.shut();
                Some(*isolation)
            }
        };
        state.epoch += 1;
        state.opened = Opened::new(&self.disk, isolation);
    }

    fn latency(&self, range: Range<u64>) -> Duration {
        Duration::from_micros(lock(&self.state).stream.random_range(range))
    }
}

impl Drop for DatabaseHost {
    /// The world has ended, and the next one may have what this one has compiled.
    fn drop(&mut self) {
        self.disk.retire();
    }
}

/// The way to a database from one life of a node.
pub(super) struct SimDatabase {
    world: World,
    life: Life,
    place: usize,
    /// The node's own connections, where transactions overlap.
    pool: Arc<Semaphore>,
}

impl SimDatabase {
    pub(super) fn new(world: &World, life: Life, place: usize) -> SimDatabase {
        let connections = match world.0.concurrency {
            Concurrency::Serial => 1,
            Concurrency::Overlapping { connections, .. } => connections,
        };
        let pool = Arc::new(Semaphore::new(connections));
        SimDatabase { world: world.clone(), life, place, pool }
    }

    fn host(&self) -> &DatabaseHost {
        &self.world.0.databases[self.place]
    }

    async fn open_session(&self) -> Result<Box<dyn Session>, DatabaseError> {
        let (epoch, connection, turn) = match self.world.0.concurrency {
            Concurrency::Serial => {
                self.reach().await?;
                self.next_turn().await?
            }
            Concurrency::Overlapping { .. } => {
                let permit = self.free_connection().await?;
                self.reach().await?;
                let (epoch, connection) = self.connect();
                (epoch, connection, Turn::Connection(permit))
            }
        };
        let (world, life) = (self.world.clone(), self.life);
        if let Some(work) = work(&world, WorkKind::Begin, life.node, self.host().node) {
            work.await;
        }
        let mut session = SimSession::new(world, life, self.place, epoch, connection, turn);
        session.begin().await?;
        Ok(Box::new(session))
    }

    /// There and back, to a database that answers.
    async fn reach(&self) -> Result<(), DatabaseError> {
        let world = &self.world;
        let time = &world.0.time;
        let host = self.host();
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
        let slow = out.delay + back.delay + slow;
        match world.0.processors {
            None => sleep(time, host.latency(200..1_500) + slow).await,
            Some(_) if !slow.is_zero() => sleep(time, slow).await,
            Some(_) => {}
        }
        Ok(())
    }

    /// The one connection, when nobody has it.
    async fn next_turn(&self) -> Result<(u64, AnyConnection, Turn), DatabaseError> {
        let host = self.host();
        loop {
            let (epoch, turn) = {
                let state = lock(&host.state);
                let Opened::Serial { turn, .. } = &state.opened else {
                    unreachable!("a world's databases are all had the same way")
                };
                (state.epoch, turn.clone())
            };
            let guard = match turn.try_lock_arc() {
                Some(guard) => guard,
                None => within(&self.world.0.time, BUSY_TIMEOUT, turn.lock_arc())
                    .await
                    .ok_or_else(|| self.is_busy())?,
            };
            let mut state = lock(&host.state);
            if state.epoch != epoch {
                continue;
            }
            let Opened::Serial { connection, holder, .. } = &mut state.opened else {
                unreachable!("a world's databases are all had the same way")
            };
            *holder = Some(self.life.node);
            let connection = connection.take().expect("whose turn it is finds it");
            return Ok((epoch, connection, Turn::Alone(guard)));
        }
    }

    /// One of the node's connections, when one is free.
    async fn free_connection(&self) -> Result<SemaphoreGuardArc, DatabaseError> {
        if let Some(permit) = self.pool.try_acquire_arc() {
            return Ok(permit);
        }
        let permit = within(&self.world.0.time, BUSY_TIMEOUT, self.pool.acquire_arc()).await;
        permit.ok_or_else(|| self.is_busy())
    }

    fn connect(&self) -> (u64, AnyConnection) {
        let pace = Arc::new(TransactionPace::new(&self.world, self.life.node, self.place));
        let state = lock(&self.host().state);
        let Opened::Overlapping { database, isolation } = &state.opened else {
            unreachable!("a world's databases are all had the same way")
        };
        (state.epoch, database.connect(*isolation, u64::from(self.life.node.0), pace))
    }

    fn is_busy(&self) -> DatabaseError {
        DatabaseError::Unavailable(format!("{} is busy", self.host().name))
    }
}

impl Database for SimDatabase {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Session>, DatabaseError>> {
        Box::pin(self.open_session())
    }
}
