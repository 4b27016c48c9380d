//! Debits that come by queue, when the Bank could not be reached by HTTP.
//!
//! They carry the same keys, so a debit that travels both roads charges once.

use futures::future::BoxFuture;
use stormproof_ports::Message;
use stormproof_ports::worker::Worker;

use super::service;
use crate::consumer;
use crate::context::Context;
use crate::error::Error;
use crate::messages::{self, BANK_DEBITS, DebitRequest};

/// The worker that makes the debits of the queue.
pub fn worker(context: &Context) -> Worker {
    consumer::worker(context, BANK_DEBITS, handle)
}

fn handle<'a>(context: &'a Context, message: &'a Message) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(async move {
        let request: DebitRequest = messages::decode(message)?;
        service::debit_by_message(context, message, &request).await
    })
}
