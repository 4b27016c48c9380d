//! Debits that come by queue, when the Bank could not be reached by HTTP.
//!
//! They carry the same keys, so a debit that travels both roads charges once.

use futures::future::BoxFuture;

use super::service;
use crate::consumer;
use crate::error::Error;
use crate::messages::{self, BANK_DEBITS, DebitRequest};
use crate::ports::{Message, Ports};
use crate::worker::Worker;

/// The worker that makes the debits of the queue.
pub fn worker(ports: &Ports) -> Worker {
    consumer::worker(ports, BANK_DEBITS, handle)
}

fn handle<'a>(ports: &'a Ports, message: &'a Message) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(async move {
        let request: DebitRequest = messages::decode(message)?;
        service::debit_by_message(ports, message, &request).await
    })
}
