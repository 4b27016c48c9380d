//! Where a transaction's statements are run, and what has become of them.

use std::fmt;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _, poll_fn};
use sqlx::any::{Any, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{AnyConnection, Describe, Either, Error, Execute, Executor, SqlStr};
use stormproof_ports::is_stale;

/// What has become of a transaction's statements.
#[derive(Debug)]
pub(crate) struct Soundness {
    /// Whether all of them have come to a good end.
    pub(crate) sound: bool,
    /// Whether one was compiled for a table that has changed since.
    pub(crate) stale: bool,
}

impl Default for Soundness {
    fn default() -> Soundness {
        Soundness { sound: true, stale: false }
    }
}

/// The connection of a transaction, for the queries of mappers: `query.execute(transaction.sql())`.
pub struct Statements<'s> {
    connection: &'s mut AnyConnection,
    soundness: &'s mut Soundness,
}

impl<'s> Statements<'s> {
    /// It is not sound as long as a statement has not come to a good end.
    pub(crate) fn new(
        connection: &'s mut AnyConnection,
        soundness: &'s mut Soundness,
    ) -> Statements<'s> {
        Statements { connection, soundness }
    }
}

impl fmt::Debug for Statements<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Statements")
            .field("soundness", self.soundness)
            .finish_non_exhaustive()
    }
}

impl<'c> Executor<'c> for Statements<'c> {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let Statements { connection, soundness } = self;
        let before = std::mem::replace(&mut soundness.sound, false);
        let mut steps = connection.fetch_many(query);
        let mut failed = false;
        poll_fn(move |context| {
            let step = steps.poll_next_unpin(context);
            match &step {
                std::task::Poll::Ready(Some(Err(error))) => {
                    failed = true;
                    soundness.stale |= is_stale(error);
                }
                std::task::Poll::Ready(None) => soundness.sound = before && !failed,
                _ => {}
            }
            step
        })
        .boxed()
    }

    /// Looks at the end, too: what fails after the first row has failed.
    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let mut steps = self.fetch_many(query);
        Box::pin(async move {
            let mut first = None;
            while let Some(step) = steps.try_next().await? {
                if let (None, Either::Right(row)) = (&first, step) {
                    first = Some(row);
                }
            }
            Ok(first)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'c: 'e,
    {
        let Statements { connection, soundness } = self;
        let before = std::mem::replace(&mut soundness.sound, false);
        Box::pin(async move {
            let prepared = connection.prepare_with(sql, parameters).await?;
            soundness.sound = before;
            Ok(prepared)
        })
    }

    /// Nothing is run.
    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, Error>>
    where
        'c: 'e,
    {
        self.connection.describe(sql)
    }
}
