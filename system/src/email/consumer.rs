//! What Email hears: one queue for each kind of mail.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::letter::Letter;
use super::service;
use crate::consumer;
use crate::error::Error;
use crate::messages::decode;
use crate::ports::{Message, Ports};
use crate::worker::Worker;

/// The worker that mails letters of one kind.
pub fn worker<L: Letter>(ports: &Ports) -> Worker {
    consumer::worker(ports, L::QUEUE, handle::<L>)
}

fn handle<'a, L: Letter>(
    ports: &'a Ports,
    message: &'a Message,
) -> BoxFuture<'a, Result<(), Error>> {
    async move {
        let letter: L = decode(message)?;
        service::deliver(ports, message, &letter).await
    }
    .boxed()
}
