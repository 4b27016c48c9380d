//! The shop's consumers: what a handler's error means for its message, and the alert that a dead
//! letter raises.

use futures::future::BoxFuture;
use stormproof_messaging::Transaction;
use stormproof_messaging::consumer::{self, Failure};
use stormproof_ports::worker::Worker;
use stormproof_ports::{DatabaseError, Message};

use crate::alert;
use crate::context::Context;
use crate::error::Error;
use crate::id::OrderId;

/// Handles one message, in one transaction.
pub type Handler = for<'a> fn(&'a Context, &'a Message) -> BoxFuture<'a, Result<(), Error>>;

/// The worker that consumes `queue` with `handler`.
pub fn worker(context: &Context, queue: &'static str, handler: Handler) -> Worker {
    let policy = context.settings.consumer.clone();
    let handler = InContext { context: context.clone(), handler };
    consumer::worker(&handler.context.ports.clone(), queue, policy, handler)
}

struct InContext {
    context: Context,
    handler: Handler,
}

impl consumer::Handler for InContext {
    /// What is rejected is poison: no retry would change it.
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            (self.handler)(&self.context, message).await.map_err(|error| match error {
                Error::Rejected(problem) => Failure::Poison(problem.detail),
                error => Failure::Transient(error.to_string()),
            })
        })
    }

    fn on_dead_letter<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        message: &'a Message,
        words: &'a str,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(async move {
            let order = OrderId::parse(message.correlation_id.clone())
                .or_else(|_| OrderId::parse("unreadable"))
                .expect("the fallback is a valid id");
            alert::raise(transaction, &order, "dead letter", words).await
        })
    }
}
