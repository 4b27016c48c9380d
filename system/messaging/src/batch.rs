//! Several messages of a queue in one transaction: they share its BEGIN, its commit and its multi-row
//! writes.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use scoped_futures::ScopedFutureExt as _;
use stormproof_ports::{DatabaseError, Message, Ports};

use crate::inbox;
use crate::transaction::{Transaction, TransactionError, transact};

/// What is done about one message, as a part of a transaction.
pub trait Work: Sync {
    /// What it may fail with.
    type Error: TransactionError + Clone + Display + Send;

    /// Does the whole work of `message`, whose inbox row is written.
    ///
    /// # Errors
    /// Why it was not done: then nothing of the transaction has happened.
    fn work<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), Self::Error>>;
}

/// Does the work of each of `messages` that `queue` has not delivered before, and says of each what
/// became of it.
///
/// They commit together, with their inbox rows. If the work of one fails, nothing has happened, and each
/// is done again in a transaction of its own: what is wrong with one message is its own affair. So it
/// is where one was delivered before. Where not even a transaction can be begun, none is tried any
/// further.
pub async fn handle<W: Work>(
    ports: &Ports,
    queue: &'static str,
    messages: &[&Message],
    work: &W,
) -> Vec<Result<(), W::Error>> {
    if let [message] = messages {
        return vec![alone(ports, queue, message, work).await];
    }
    let begun = AtomicBool::new(false);
    match in_one(ports, queue, messages, work, &begun).await {
        Ok(()) => messages.iter().map(|_| Ok(())).collect(),
        Err(Undone::Failed(error)) if !begun.into_inner() => {
            messages.iter().map(|_| Err(error.clone())).collect()
        }
        Err(undone) => {
            if let Undone::Failed(error) = undone {
                tracing::warn!(target: "consumer", queue, %error, "each message by itself");
            }
            let mut results = Vec::new();
            for message in messages {
                results.push(alone(ports, queue, message, work).await);
            }
            results
        }
    }
}

async fn alone<W: Work>(
    ports: &Ports,
    queue: &'static str,
    message: &Message,
    work: &W,
) -> Result<(), W::Error> {
    transact(ports, queue, move |transaction| {
        async move {
            match inbox::first_time(transaction, queue, message).await? {
                true => work.work(transaction, message).await,
                false => Ok(()),
            }
        }
        .scope_boxed()
    })
    .await
}

/// Why messages were not done together.
enum Undone<E> {
    Failed(E),
    DeliveredBefore,
}

impl<E: TransactionError> From<DatabaseError> for Undone<E> {
    fn from(error: DatabaseError) -> Undone<E> {
        Undone::Failed(error.into())
    }
}

impl<E: TransactionError> TransactionError for Undone<E> {
    fn is_serialization(&self) -> bool {
        matches!(self, Undone::Failed(error) if error.is_serialization())
    }

    fn is_unavailable(&self) -> bool {
        matches!(self, Undone::Failed(error) if error.is_unavailable())
    }
}

async fn in_one<W: Work>(
    ports: &Ports,
    queue: &'static str,
    messages: &[&Message],
    work: &W,
    begun: &AtomicBool,
) -> Result<(), Undone<W::Error>> {
    transact(ports, queue, move |transaction| {
        async move {
            begun.store(true, Ordering::Relaxed);
            if !inbox::all_first_time(transaction, queue, messages).await? {
                return Err(Undone::DeliveredBefore);
            }
            for message in messages {
                work.work(transaction, message).await.map_err(Undone::Failed)?;
            }
            Ok(())
        }
        .scope_boxed()
    })
    .await
}
