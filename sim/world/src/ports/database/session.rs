//! An open transaction.

use std::time::Duration;

use async_lock::{MutexGuardArc, SemaphoreGuardArc};
use futures::future::BoxFuture;
use sqlx::AnyConnection;
use sqlx_core::any::AnyTransactionManager;
use sqlx_core::sql_str::SqlStr;
use sqlx_core::transaction::TransactionManager as _;
use stormproof_ports::machine::WorkKind;
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::{DatabaseError, Session};

use super::{COMMIT, DatabaseHost, Opened};
use crate::faults::network::link;
use crate::faults::{FaultKind, database, pass};
use crate::history::Kind as Event;
use crate::moment::{Act, Side};
use crate::node::Life;
use crate::ports::CONNECT_TIMEOUT;
use crate::processors::work;
use crate::sleep::sleep;
use crate::spec::Commit;
use crate::{EPOCH, World, lock};

/// What the transaction has for itself while it is open.
pub(super) enum Turn {
    /// The whole database.
    Alone(#[expect(dead_code, reason = "it is let go when it is dropped")] MutexGuardArc<()>),
    /// One of its node's connections.
    Connection(#[expect(dead_code, reason = "it is let go when it is dropped")] SemaphoreGuardArc),
}

/// An open transaction. The connection goes back before the turn does: fields drop in order.
pub(super) struct SimSession {
    world: World,
    life: Life,
    place: usize,
    epoch: u64,
    /// Absent once given back.
    connection: Option<AnyConnection>,
    turn: Turn,
}

impl SimSession {
    pub(super) fn new(
        world: World,
        life: Life,
        place: usize,
        epoch: u64,
        connection: AnyConnection,
        turn: Turn,
    ) -> SimSession {
        SimSession { world, life, place, epoch, connection: Some(connection), turn }
    }

    pub(super) async fn begin(&mut self) -> Result<(), DatabaseError> {
        let begin = SqlStr::from_static("BEGIN IMMEDIATE");
        Ok(AnyTransactionManager::begin(self.connection(), Some(begin)).await?)
    }

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
            lock(&self.host().transactions).rollbacks += 1;
            // Nobody waits for it, but it is done.
            drop(work(&self.world, WorkKind::Finish, self.life.node, self.host().node));
        }
        let mut state = lock(&self.host().state);
        if let Opened::Serial { connection: place, holder, .. } = &mut state.opened {
            *place = Some(connection);
            *holder = None;
        }
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

        // Where transactions overlap, this takes its time, with the rows locked.
        let overlaps = matches!(self.turn, Turn::Connection(_));
        let committed = AnyTransactionManager::commit(self.connection()).await;
        match committed {
            Ok(()) => lock(&host.transactions).commits += 1,
            Err(_) => lock(&host.transactions).rollbacks += 1,
        }
        committed.map_err(DatabaseError::from)?;
        let epoch = self.epoch;
        self.give_back();
        drop(self);
        let changes = host.disk.take_changes();
        observe(&world, life, host, facts, &changes);
        let back = link(&world, host.node, life.node);
        if world.0.processors.is_some() {
            if !back.delay.is_zero() {
                sleep(time, back.delay).await;
            }
            if changes.is_empty()
                && let Some(work) = work(&world, WorkKind::Finish, life.node, host.node)
            {
                work.await;
            }
        } else if !changes.is_empty() {
            let own = if overlaps { Duration::ZERO } else { host.latency(COMMIT) };
            sleep(time, own + back.delay).await;
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
    fn time(&mut self) -> BoxFuture<'_, Result<Time, DatabaseError>> {
        let offset = self.world.0.nodes.clock_offset(self.host().node);
        let now = Time((EPOCH + self.world.elapsed()).0 + offset);
        Box::pin(async move { Ok(now) })
    }

    fn connection(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("only the end of the session gives it back")
    }

    fn commit<'a>(self: Box<Self>, facts: &'a [Fact]) -> BoxFuture<'a, Result<(), DatabaseError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            // As the real binding does, which asks first whether the transaction is sound.
            let database = self.host().node;
            if let Some(work) = work(&self.world, WorkKind::Select, self.life.node, database) {
                work.await;
            }
            self.finish(facts).await
        })
    }

    fn commit_sound<'a>(
        self: Box<Self>,
        facts: &'a [Fact],
    ) -> BoxFuture<'a, Result<(), DatabaseError>>
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
