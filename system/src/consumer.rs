//! The shop's consumers: what a handler's error means for its message, and the alert that a dead
//! letter raises.

use futures::future::BoxFuture;
use stormproof_messaging::Transaction;
use stormproof_messaging::batch::{self, Work};
use stormproof_messaging::consumer::{self, Failure};
use stormproof_ports::worker::Worker;
use stormproof_ports::{DatabaseError, Message};

use crate::alert;
use crate::context::Context;
use crate::error::Error;
use crate::id::OrderId;

/// Handles one message, with transactions and an inbox row of its own.
pub type Handler = for<'a> fn(&'a Context, &'a Message) -> BoxFuture<'a, Result<(), Error>>;

/// Does one message's part of a transaction, which has written its inbox row.
pub type Part = for<'a> fn(
    &'a Context,
    &'a mut Transaction<'_>,
    &'a Message,
) -> BoxFuture<'a, Result<(), Error>>;

/// The worker that consumes `queue`, each message by itself.
pub fn worker(context: &Context, queue: &'static str, handler: Handler) -> Worker {
    let handler = Alone { context: context.clone(), handler };
    consumer::worker(&context.ports, queue, context.settings.consumer.clone(), handler)
}

/// The worker that consumes `queue`, several messages in one transaction.
pub fn batch_worker(context: &Context, queue: &'static str, part: Part) -> Worker {
    let handler = Together { context: context.clone(), queue, part };
    consumer::worker(&context.ports, queue, context.settings.consumer.clone(), handler)
}

/// What is rejected is poison: no retry would change it.
fn failure(error: Error) -> Failure {
    match error {
        Error::Rejected(problem) => Failure::Poison(problem.detail),
        error => Failure::Transient(error.to_string()),
    }
}

async fn raise_alert(
    transaction: &mut Transaction<'_>,
    message: &Message,
    words: &str,
) -> Result<(), DatabaseError> {
    let order = OrderId::parse(message.correlation_id.clone())
        .or_else(|_| OrderId::parse("unreadable"))
        .expect("the fallback is a valid id");
    alert::raise(transaction, &order, "dead letter", words).await
}

struct Alone {
    context: Context,
    handler: Handler,
}

impl consumer::Handler for Alone {
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { (self.handler)(&self.context, message).await.map_err(failure) })
    }

    fn on_dead_letter<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        message: &'a Message,
        words: &'a str,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(raise_alert(transaction, message, words))
    }
}

struct Together {
    context: Context,
    queue: &'static str,
    part: Part,
}

impl Work for Together {
    type Error = Error;

    fn work<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), Error>> {
        (self.part)(&self.context, transaction, message)
    }
}

impl consumer::Handler for Together {
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let done = batch::handle(&self.context.ports, self.queue, &[message], self).await;
            done.into_iter().collect::<Result<(), Error>>().map_err(failure)
        })
    }

    fn batches(&self) -> bool {
        true
    }

    fn handle_all<'a>(
        &'a self,
        messages: &'a [&'a Message],
    ) -> BoxFuture<'a, Vec<Result<(), Failure>>> {
        Box::pin(async move {
            let done = batch::handle(&self.context.ports, self.queue, messages, self).await;
            done.into_iter().map(|result| result.map_err(failure)).collect()
        })
    }

    fn on_dead_letter<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        message: &'a Message,
        words: &'a str,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(raise_alert(transaction, message, words))
    }
}
