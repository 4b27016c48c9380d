//! The shop's consumers: what a handler's error means for its message, and the alert that a dead
//! letter raises.

use futures::future::BoxFuture;
use stormproof_messaging::batch::{self, Work};
use stormproof_messaging::consumer::{self, DeadLetter, Failure, tellable};
use stormproof_messaging::{Payload, Transaction};
use stormproof_ports::worker::Worker;
use stormproof_ports::{DatabaseError, Message};

use crate::alert::{self, Trouble};
use crate::context::Context;
use crate::error::Error;
use crate::id::OrderId;
use crate::messages::Support;

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
    letter: DeadLetter<'_>,
) -> Result<(), DatabaseError> {
    let DeadLetter { queue, message, words } = letter;
    let cause = &tellable(&message.message_id);
    let (kind, text) = ("dead letter", format!("{queue} {words} (message {cause})"));
    let order = &subject(message);
    let trouble = Trouble { order, kind, cause, text: &text };
    // Of a mail to support that nobody takes another mail would tell nobody, and so on for ever
    // (`scenarios/mail_server_away.toml`). What it was to tell stands on the page already.
    match message.schema == Support::SCHEMA {
        true => alert::raise_on_page(transaction, trouble).await.map(drop),
        false => alert::raise(transaction, trouble).await,
    }
}

async fn raise_late(
    transaction: &mut Transaction<'_>,
    queue: &'static str,
    message: &Message,
) -> Result<(), DatabaseError> {
    let text = format!(
        "{queue} had given up {} (message {}) and could tell nobody. It is done now.",
        message.schema, message.message_id
    );
    let (kind, cause) = ("message late", message.message_id.as_str());
    let order = &subject(message);
    alert::raise(transaction, Trouble { order, kind, cause, text: &text }).await
}

/// The order that a message is about, or what stands for one that cannot be read.
fn subject(message: &Message) -> OrderId {
    OrderId::parse(message.correlation_id.clone())
        .or_else(|_| OrderId::parse("unreadable"))
        .expect("the fallback is a valid id")
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
        letter: DeadLetter<'a>,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(raise_alert(transaction, letter))
    }

    fn on_late<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        queue: &'static str,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(raise_late(transaction, queue, message))
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
        letter: DeadLetter<'a>,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(raise_alert(transaction, letter))
    }

    fn on_late<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        queue: &'static str,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(raise_late(transaction, queue, message))
    }
}
