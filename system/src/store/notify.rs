//! The one place that carries out a case's effects: audit rows, messages, mails, alerts.

use stormproof_messaging::Transaction;
use stormproof_messaging::outbox;
use stormproof_ports::DatabaseError;
use stormproof_ports::story::Fact;

use super::gateway::debit_request;
use super::saga::Case;
use super::saga::progress::Effect;
use crate::alert::{self, Trouble};
use crate::error::Error;
use crate::messages::{
    DeliveryCancel, DeliveryLine, DeliveryRequest, Lost, OrderFail, OrderSuccess, Refund,
};

/// Carries out `effects` of `case` in the transaction that saves it.
pub async fn carry_out(
    transaction: &mut Transaction<'_>,
    case: &Case,
    effects: Vec<Effect>,
) -> Result<(), Error> {
    for effect in effects {
        carry_out_one(transaction, case, effect).await?;
    }
    Ok(())
}

async fn carry_out_one(
    transaction: &mut Transaction<'_>,
    case: &Case,
    effect: Effect,
) -> Result<(), DatabaseError> {
    let order = &case.order;
    let order_id = order.id.clone();
    let to = order.email.clone();
    match effect {
        Effect::OrderMoved { from, to, words } => {
            let fact = Fact::new("order", to.as_str(), &order.id, words);
            transaction.moved(from.as_str(), fact);
        }
        Effect::PaymentMoved { from, to, words } => {
            let fact = Fact::new("payment", to.as_str(), &order.id, words);
            transaction.moved(from.as_str(), fact);
        }
        Effect::Told { state, words } => {
            transaction.tell(Fact::new("saga", state, &order.id, words));
        }
        Effect::MailSuccess => {
            outbox::send(transaction, &OrderSuccess { order_id, to, total: order.total });
        }
        Effect::MailFail => {
            let explanation = order.reason.clone();
            outbox::send(transaction, &OrderFail { order_id, to, explanation });
        }
        Effect::MailRefund => {
            let time = transaction.now().0;
            let reason = order.reason.clone();
            let refund = Refund { order_id, to, amount: order.total, time, reason };
            outbox::send(transaction, &refund);
        }
        Effect::MailLost => outbox::send(transaction, &Lost { order_id, to }),
        Effect::QueueDebit => {
            let words = "sends the debit by queue, same key";
            transaction.tell(Fact::new("payment", "DEBIT_BY_QUEUE", &order.id, words));
            outbox::send(transaction, &debit_request(case));
        }
        Effect::RequestDelivery => {
            transaction.tell(Fact::new(
                "saga",
                "DELIVERY_REQUESTED",
                &order.id,
                "asks the carrier to deliver",
            ));
            outbox::send(transaction, &delivery_request(case));
        }
        Effect::CancelDelivery => {
            transaction.tell(Fact::new(
                "saga",
                "CANCEL_REQUESTED",
                &order.id,
                "asks the carrier to cancel",
            ));
            outbox::send(transaction, &DeliveryCancel { order_id });
        }
        Effect::Alert { kind, cause, text } => {
            let (order, text) = (&order.id, text.as_str());
            let trouble = Trouble { order, kind, cause, text };
            alert::raise(transaction, trouble).await?;
        }
    }
    Ok(())
}

fn delivery_request(case: &Case) -> DeliveryRequest {
    let mut warehouses: Vec<String> =
        case.allocation.iter().map(|share| share.warehouse.to_string()).collect();
    warehouses.sort();
    warehouses.dedup();
    let line = |share: &super::allocation::Share| DeliveryLine {
        product_id: share.sku.to_string(),
        name: case
            .lines
            .iter()
            .find(|line| line.sku == share.sku)
            .map(|line| line.name.clone())
            .unwrap_or_default(),
        quantity: share.quantity,
        warehouse: share.warehouse.to_string(),
    };
    DeliveryRequest {
        order_id: case.order.id.clone(),
        customer_id: case.order.user.clone(),
        email: case.order.email.clone(),
        warehouses,
        lines: case.allocation.iter().map(line).collect(),
    }
}
