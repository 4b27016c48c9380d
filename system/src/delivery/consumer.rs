//! What DeliveryCo hears from the Store: requests and cancels, in any order and any number.

use futures::FutureExt;
use futures::future::BoxFuture;
use stormproof_messaging::Transaction;
use stormproof_ports::Message;
use stormproof_ports::worker::Worker;

use super::service;
use crate::consumer;
use crate::context::Context;
use crate::error::Error;
use crate::messages::{
    DELIVERY_CANCELS, DELIVERY_REQUESTS, DeliveryCancel, DeliveryRequest, decode,
};

pub fn requests(context: &Context) -> Worker {
    consumer::batch_worker(context, DELIVERY_REQUESTS, request)
}

pub fn cancels(context: &Context) -> Worker {
    consumer::batch_worker(context, DELIVERY_CANCELS, cancel)
}

fn request<'a>(
    context: &'a Context,
    transaction: &'a mut Transaction<'_>,
    message: &'a Message,
) -> BoxFuture<'a, Result<(), Error>> {
    async move {
        let request: DeliveryRequest = decode(message)?;
        check(&request)?;
        service::request(context, transaction, &request).await
    }
    .boxed()
}

fn cancel<'a>(
    _context: &'a Context,
    transaction: &'a mut Transaction<'_>,
    message: &'a Message,
) -> BoxFuture<'a, Result<(), Error>> {
    async move {
        let cancel: DeliveryCancel = decode(message)?;
        service::cancel(transaction, &cancel.order_id).await
    }
    .boxed()
}

/// A driver needs to know what to fetch.
fn check(request: &DeliveryRequest) -> Result<(), Error> {
    if request.lines.is_empty() {
        return Err(Error::invalid("a delivery without lines: expected goods to deliver"));
    }
    match request.lines.iter().find(|line| line.quantity < 1) {
        Some(line) => Err(Error::invalid(format!(
            "quantity {} of {:?}: expected at least 1",
            line.quantity, line.product_id
        ))),
        None => Ok(()),
    }
}
