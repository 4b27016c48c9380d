//! A transaction: everything that one step changes, in one commit.
//!
//! State, inbox row, outbox rows and audit row commit together (`protocol.md` §6); no remote call
//! is made inside. What the database undid in favour of another transaction runs again.

use std::time::Duration;

use scoped_futures::ScopedBoxFuture;
use sqlx::AnyConnection;

use crate::error::Error;
use crate::id;
use crate::ports::{Ports, Session};
use crate::story::Fact;
use crate::time::Time;

/// How often a transaction runs again after serialization failures before its caller is told.
const ATTEMPTS_MAX: u32 = 10;

/// An open transaction and what it will make true.
pub struct Transaction<'p> {
    session: Box<dyn Session>,
    facts: Vec<Fact>,
    ports: &'p Ports,
    outbox_written: bool,
    work_due: bool,
}

impl<'p> Transaction<'p> {
    /// The connection, for mappers.
    pub fn sql(&mut self) -> &mut AnyConnection {
        self.session.connection()
    }

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
    pub async fn moved(&mut self, from: &str, fact: Fact) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO audit (id, noun, subject, from_state, to_state, at, node) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id::fresh(self.ports))
        .bind(fact.noun)
        .bind(fact.order.clone())
        .bind(from.to_owned())
        .bind(fact.state)
        .bind(self.now().0)
        .bind(self.ports.node.to_string())
        .execute(self.sql())
        .await?;
        self.tell(fact);
        Ok(())
    }

    /// The relay has work after the commit.
    pub fn outbox_written(&mut self) {
        self.outbox_written = true;
    }

    /// The sweep has work after the commit.
    pub fn work_due(&mut self) {
        self.work_due = true;
    }
}

/// Runs `work` in a serial transaction and commits it if it returns `Ok`; an `Err` rolls back.
/// After [`Error::Unknown`] the commit may have happened.
pub async fn transact<'p, 'a, T>(
    ports: &'p Ports,
    mut work: impl for<'t> FnMut(&'t mut Transaction<'p>) -> ScopedBoxFuture<'a, 't, Result<T, Error>>
    + Send,
) -> Result<T, Error> {
    for attempt in 1.. {
        match attempt_once(ports, &mut work).await {
            Err(Error::Serialization) if attempt < ATTEMPTS_MAX => {
                let jitter = ports.rng.below("jitter", 1000 << attempt);
                ports.clock.sleep(Duration::from_micros(jitter)).await;
            }
            Err(Error::Serialization) => {
                return Err(Error::Unavailable("the database is too busy".into()));
            }
            result => return result,
        }
    }
    unreachable!("the loop ends by returning")
}

async fn attempt_once<'p, 'a, T>(
    ports: &'p Ports,
    work: &mut (
             impl for<'t> FnMut(&'t mut Transaction<'p>) -> ScopedBoxFuture<'a, 't, Result<T, Error>>
             + Send
         ),
) -> Result<T, Error> {
    let mut transaction = Transaction {
        session: ports.database.begin().await?,
        facts: Vec::new(),
        ports,
        outbox_written: false,
        work_due: false,
    };
    let value = work(&mut transaction).await?;
    let Transaction { session, facts, outbox_written, work_due, .. } = transaction;
    session.commit(&facts).await?;
    facts.iter().for_each(Fact::tell);
    if outbox_written {
        ports.outbox_bell.ring();
    }
    if work_due {
        ports.work_bell.ring();
    }
    Ok(value)
}
