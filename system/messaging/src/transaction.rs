//! A transaction: everything that one step changes, in one commit.
//!
//! State, inbox row, outbox rows and audit rows commit together; no remote call is made inside. What the
//! database undid in favour of another transaction runs again. Outbox rows and audit rows are written last,
//! all at once.

use std::time::Duration;

use scoped_futures::ScopedBoxFuture;
use stormproof_ports::notify::Notify;
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::{DatabaseError, Message, Ports, Session};

use crate::audit::{self, Move};
use crate::outbox;
use crate::statements::Statements;

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
    moves: Vec<Move>,
    messages: Vec<Message>,
    /// Of `messages`, those whose rows are written.
    written: usize,
    /// Whether all statements have succeeded.
    sound: bool,
}

impl<'p> Transaction<'p> {
    /// The connection, for mappers.
    pub fn sql(&mut self) -> Statements<'_> {
        Statements::new(self.session.connection(), &mut self.sound)
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
    let mut transaction = Transaction {
        session,
        facts: Vec::new(),
        ports,
        to_notify: Vec::new(),
        moves: Vec::new(),
        messages: Vec::new(),
        written: 0,
        sound: true,
    };
    let value = work(&mut transaction).await?;
    transaction.flush().await?;
    let Transaction { session, facts, to_notify, messages, sound, .. } = transaction;
    let committed = match sound {
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
    Ok(value)
}
