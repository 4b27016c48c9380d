//! A transaction: everything that one step changes, in one commit.
//!
//! State, inbox row, outbox rows and audit rows commit together; no remote call is made inside. What the
//! database undid in favour of another transaction runs again. Outbox rows and audit rows are written last,
//! all at once. Each has a name, under which what became of it is counted.

use std::time::Duration;

use scoped_futures::ScopedBoxFuture;
use stormproof_ports::metrics::TransactionOutcome;
use stormproof_ports::notify::Notify;
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::{DatabaseError, Message, Ports, Session};

use crate::audit::{self, Move};
use crate::outbox;
use crate::statements::{Soundness, Statements};

/// How often a transaction runs again after serialization failures before its caller is told.
pub(crate) const ATTEMPTS_MAX: u32 = 10;

/// What a transaction's work may fail with: the application's own error, which has room for the
/// database's.
pub trait TransactionError: From<DatabaseError> {
    /// Whether the database undid the work in favour of another transaction, so that it is to be
    /// run again.
    fn is_serialization(&self) -> bool;

    /// Whether the database could not be had, so that nothing has happened.
    fn is_unavailable(&self) -> bool;
}

impl TransactionError for DatabaseError {
    fn is_serialization(&self) -> bool {
        *self == DatabaseError::Serialization
    }

    fn is_unavailable(&self) -> bool {
        matches!(self, DatabaseError::Unavailable(_))
    }
}

/// An open transaction and what it will make true.
pub struct Transaction<'p> {
    session: Box<dyn Session>,
    facts: Vec<Fact>,
    ports: &'p Ports,
    to_notify: Vec<Notify>,
    moves: Vec<Move>,
    messages: Vec<Message>,
    /// Of `messages`, those whose rows are written.
    written: usize,
    soundness: Soundness,
}

impl<'p> Transaction<'p> {
    /// The connection, for mappers.
    pub fn sql(&mut self) -> Statements<'_> {
        Statements::new(self.session.connection(), &mut self.soundness)
    }

    /// The ports that it was begun with.
    pub fn ports(&self) -> &'p Ports {
        self.ports
    }

    /// The time by the database's clock, for what several replicas have to judge alike: whose a claim is.
    ///
    /// # Errors
    /// If the database does not answer: nothing will have happened.
    pub async fn database_time(&mut self) -> Result<Time, DatabaseError> {
        let time = self.session.time().await;
        self.soundness.sound &= time.is_ok();
        time
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
    pub fn moved(&mut self, from: &str, fact: Fact) {
        let row = Move::now(self, fact.noun, &fact.subject, from, fact.state);
        self.moves.push(row);
        self.tell(fact);
    }

    /// A message that the commit will have sent.
    pub(crate) fn send(&mut self, message: Message) {
        self.messages.push(message);
        let notify = self.ports.outgoing.notify();
        self.after_commit(notify);
    }

    /// Writes the audit rows and outbox rows that have gathered. The commit does so by itself: call it
    /// before a row is changed that many wait for, so that its lock is held for as short as can be.
    ///
    /// # Errors
    /// If a row cannot be written: nothing has happened.
    pub async fn flush(&mut self) -> Result<(), DatabaseError> {
        let moves = std::mem::take(&mut self.moves);
        audit::write(self, moves).await?;
        let messages = std::mem::take(&mut self.messages);
        outbox::write(self, &messages[self.written..]).await?;
        self.written = messages.len();
        self.messages = messages;
        Ok(())
    }

    /// Notifies after the commit, once, even one of which nobody knows whether it happened: whoever waits
    /// for it may have work. The relay hears first, so that
    /// what is written leaves before more is made.
    pub fn after_commit(&mut self, notify: &Notify) {
        if self.to_notify.contains(notify) {
            return;
        }
        let relay = self.ports.outgoing.notify();
        let place = if notify == relay { 0 } else { self.to_notify.len() };
        self.to_notify.insert(place, notify.clone());
    }

    async fn commit(self) -> Result<(), DatabaseError> {
        let Transaction { session, facts, ports, to_notify, messages, soundness, .. } = self;
        let committed = match soundness.sound {
            true => session.commit_sound(&facts).await,
            false => session.commit(&facts).await,
        };
        if committed.is_ok() {
            ports.outgoing.hand_over(messages);
        }
        if matches!(committed, Ok(()) | Err(DatabaseError::Unknown(_))) {
            to_notify.iter().for_each(Notify::notify_one);
        }
        committed?;
        facts.iter().for_each(Fact::tell);
        Ok(())
    }
}

/// Runs `work` in a transaction and commits it if it returns `Ok`; an `Err` rolls back. What
/// the database undid in favour of another transaction runs again, a few times. What became of it is
/// counted under `name`, which no other transaction of the replica has: a step's name, such as `reserve`.
///
/// # Errors
/// What `work` returns; [`DatabaseError::Unavailable`] if nothing has happened; after
/// [`DatabaseError::Unknown`] the commit may have happened.
pub async fn transact<'p, 'a, T, E: TransactionError>(
    ports: &'p Ports,
    name: &'static str,
    mut work: impl for<'t> FnMut(&'t mut Transaction<'p>) -> ScopedBoxFuture<'a, 't, Result<T, E>>
    + Send,
) -> Result<T, E> {
    for attempt in 1.. {
        let (outcome, result) = attempt_once(ports, &mut work).await;
        if outcome != TransactionOutcome::Conflict {
            ports.transactions.count(name, outcome);
            return result;
        }
        if attempt == ATTEMPTS_MAX {
            ports.transactions.count(name, TransactionOutcome::GivenUp);
            tracing::warn!(
                transaction = name,
                attempt,
                "is given up: others came between each time"
            );
            return Err(DatabaseError::Unavailable("the database is too busy".into()).into());
        }
        ports.transactions.count(name, outcome);
        tracing::debug!(
            transaction = name,
            attempt,
            "is undone in favour of another, and runs again"
        );
        let jitter = ports.rng.below("jitter", 1000 << attempt);
        ports.clock.sleep(Duration::from_micros(jitter)).await;
    }
    unreachable!("the loop ends by returning")
}

/// What became of one attempt, and what it returns.
async fn attempt_once<'p, 'a, T, E: TransactionError>(
    ports: &'p Ports,
    work: &mut (
             impl for<'t> FnMut(&'t mut Transaction<'p>) -> ScopedBoxFuture<'a, 't, Result<T, E>> + Send
         ),
) -> (TransactionOutcome, Result<T, E>) {
    let error = match work_in_one(ports, work).await {
        Ok((value, transaction)) => match transaction.commit().await {
            Ok(()) => return (TransactionOutcome::Committed, Ok(value)),
            Err(error @ DatabaseError::Unknown(_)) => {
                return (TransactionOutcome::InDoubt, Err(error.into()));
            }
            Err(error) => error.into(),
        },
        Err(error) => error,
    };
    let outcome = match &error {
        error if error.is_serialization() => TransactionOutcome::Conflict,
        error if error.is_unavailable() => TransactionOutcome::Unavailable,
        _ => TransactionOutcome::RolledBack,
    };
    (outcome, Err(error))
}

/// Does the whole work in a new transaction, which is not committed yet.
async fn work_in_one<'p, 'a, T, E: TransactionError>(
    ports: &'p Ports,
    work: &mut (
             impl for<'t> FnMut(&'t mut Transaction<'p>) -> ScopedBoxFuture<'a, 't, Result<T, E>> + Send
         ),
) -> Result<(T, Transaction<'p>), E> {
    let session = ports.database.begin().await?;
    let mut transaction = Transaction {
        session,
        facts: Vec::new(),
        ports,
        to_notify: Vec::new(),
        moves: Vec::new(),
        messages: Vec::new(),
        written: 0,
        soundness: Soundness::default(),
    };
    let done = match work(&mut transaction).await {
        Ok(value) => transaction.flush().await.map(|()| value).map_err(E::from),
        Err(error) => Err(error),
    };
    if transaction.soundness.stale {
        transaction.session.forget_statements();
    }
    done.map(|value| (value, transaction))
}
