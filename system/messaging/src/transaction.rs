//! A transaction: everything that one step changes, in one commit.
//!
//! State, inbox row, outbox rows and audit row commit together; no remote call is made inside. What the database undid in favour of another transaction runs again.

use std::time::Duration;

use scoped_futures::ScopedBoxFuture;
use sqlx::AnyConnection;
use stormproof_ports::notify::Notify;
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::{DatabaseError, Ports, Session, id};

/// How often a transaction runs again after serialization failures before its caller is told.
const ATTEMPTS_MAX: u32 = 10;

/// What a transaction's work may fail with: the application's own error, which has room for the
/// database's.
pub trait TransactionError: From<DatabaseError> {
    /// Whether the database undid the work in favour of another transaction, so that it is to be
    /// run again.
    fn is_serialization(&self) -> bool;
}

impl TransactionError for DatabaseError {
    fn is_serialization(&self) -> bool {
        *self == DatabaseError::Serialization
    }
}

/// An open transaction and what it will make true.
pub struct Transaction<'p> {
    session: Box<dyn Session>,
    facts: Vec<Fact>,
    ports: &'p Ports,
    to_notify: Vec<Notify>,
}

impl<'p> Transaction<'p> {
    /// The connection, for mappers.
    pub fn sql(&mut self) -> &mut AnyConnection {
        self.session.connection()
    }

    /// The ports that it was begun with.
    pub fn ports(&self) -> &'p Ports {
        self.ports
    }

    /// This node's time, for timestamps.
    pub fn now(&self) -> Time {
        self.ports.clock.now()
    }

    /// Something that the commit will make true.
    pub fn tell(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// A machine moved: leaves an audit row, and tells it.
    ///
    /// # Errors
    /// If the row cannot be written: nothing has happened.
    pub async fn moved(&mut self, from: &str, fact: Fact) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO audit (id, noun, subject, from_state, to_state, at, node) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id::fresh(self.ports))
        .bind(fact.noun)
        .bind(fact.subject.clone())
        .bind(from.to_owned())
        .bind(fact.state)
        .bind(self.now().0)
        .bind(self.ports.node.to_string())
        .execute(self.sql())
        .await?;
        self.tell(fact);
        Ok(())
    }

    /// Notifies after the commit, once, even one of which nobody knows whether it happened: whoever waits
    /// for it may have work. The relay hears first, so that
    /// what is written leaves before more is made.
    pub fn after_commit(&mut self, notify: &Notify) {
        if self.to_notify.contains(notify) {
            return;
        }
        let place = if *notify == self.ports.outbox_notify { 0 } else { self.to_notify.len() };
        self.to_notify.insert(place, notify.clone());
    }
}

/// Runs `work` in a transaction and commits it if it returns `Ok`; an `Err` rolls back. What
/// the database undid in favour of another transaction runs again, a few times.
///
/// # Errors
/// What `work` returns; [`DatabaseError::Unavailable`] if nothing has happened; after
/// [`DatabaseError::Unknown`] the commit may have happened.
pub async fn transact<'p, 'a, T, E: TransactionError>(
    ports: &'p Ports,
    mut work: impl for<'t> FnMut(&'t mut Transaction<'p>) -> ScopedBoxFuture<'a, 't, Result<T, E>>
    + Send,
) -> Result<T, E> {
    for attempt in 1.. {
        match attempt_once(ports, &mut work).await {
            Err(error) if error.is_serialization() && attempt < ATTEMPTS_MAX => {
                let jitter = ports.rng.below("jitter", 1000 << attempt);
                ports.clock.sleep(Duration::from_micros(jitter)).await;
            }
            Err(error) if error.is_serialization() => {
                return Err(DatabaseError::Unavailable("the database is too busy".into()).into());
            }
            result => return result,
        }
    }
    unreachable!("the loop ends by returning")
}

async fn attempt_once<'p, 'a, T, E: TransactionError>(
    ports: &'p Ports,
    work: &mut (
             impl for<'t> FnMut(&'t mut Transaction<'p>) -> ScopedBoxFuture<'a, 't, Result<T, E>> + Send
         ),
) -> Result<T, E> {
    let session = ports.database.begin().await?;
    let mut transaction = Transaction { session, facts: Vec::new(), ports, to_notify: Vec::new() };
    let value = work(&mut transaction).await?;
    let Transaction { session, facts, to_notify, .. } = transaction;
    let committed = session.commit(&facts).await;
    if matches!(committed, Ok(()) | Err(DatabaseError::Unknown(_))) {
        to_notify.iter().for_each(Notify::notify_one);
    }
    committed?;
    facts.iter().for_each(Fact::tell);
    Ok(value)
}
