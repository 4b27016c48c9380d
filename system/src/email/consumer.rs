//! What Email hears: one queue for each kind of mail.

use futures::FutureExt;
use futures::future::BoxFuture;
use stormproof_ports::Message;
use stormproof_ports::worker::Worker;

use super::letter::Letter;
use super::service;
use crate::consumer;
use crate::context::Context;
use crate::error::Error;
use crate::messages::decode;

/// The worker that mails letters of one kind.
pub fn worker<L: Letter>(context: &Context) -> Worker {
    consumer::worker(context, L::QUEUE, handle::<L>)
}

fn handle<'a, L: Letter>(
    context: &'a Context,
    message: &'a Message,
) -> BoxFuture<'a, Result<(), Error>> {
    async move {
        let letter: L = decode(message)?;
        service::deliver(context, message, &letter).await
    }
    .boxed()
}
