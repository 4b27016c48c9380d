//! Where a transaction's statements are run, and whether all of them have succeeded.

use std::fmt;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _, poll_fn};
use sqlx::any::{Any, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{AnyConnection, Describe, Either, Error, Execute, Executor, SqlStr};

/// The connection of a transaction, for the queries of mappers: `query.execute(transaction.sql())`.
pub struct Statements<'s> {
    connection: &'s mut AnyConnection,
    sound: &'s mut bool,
}

impl<'s> Statements<'s> {
    /// `sound` is false as long as a statement has not come to a good end.
    pub(crate) fn new(connection: &'s mut AnyConnection, sound: &'s mut bool) -> Statements<'s> {
        Statements { connection, sound }
    }
}

impl fmt::Debug for Statements<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Statements").field("sound", self.sound).finish_non_exhaustive()
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
        let Statements { connection, sound } = self;
        let before = std::mem::replace(sound, false);
        let mut steps = connection.fetch_many(query);
        let mut failed = false;
        poll_fn(move |context| {
            let step = steps.poll_next_unpin(context);
            match &step {
                std::task::Poll::Ready(Some(Err(_))) => failed = true,
                std::task::Poll::Ready(None) => *sound = before && !failed,
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
        let Statements { connection, sound } = self;
        let before = std::mem::replace(sound, false);
        Box::pin(async move {
            let prepared = connection.prepare_with(sql, parameters).await?;
            *sound = before;
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
