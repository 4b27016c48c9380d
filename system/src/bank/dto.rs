//! The Bank's wire types: what its HTTP interface reads and writes.
//!
//! A debit has one form on both roads: `POST /debits` reads and answers the very types that travel
//! by queue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::account::Status;
use crate::id::{OrderId, UserId};
pub use crate::messages::{DebitRequest, PaymentOutcome, PaymentResult};
use crate::money::Money;

/// `POST /accounts`: opens an account. A repeat with the same content is answered alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenAccount {
    pub owner: UserId,
    pub balance: Money,
    /// OPEN when left out.
    #[serde(default)]
    pub status: Status,
}

/// `GET /accounts/{owner}`, and the answer of every account route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountAnswer {
    pub owner: UserId,
    pub balance: Money,
    pub status: Status,
}

/// `PUT /accounts/{owner}/status`. Any status may follow any other: people make mistakes and mend
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusRequest {
    pub status: Status,
}

/// `POST /debits/{key}/void`, answered by a [`PaymentResult`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoidRequest {
    pub order_id: OrderId,
}

/// `POST /refunds`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundRequest {
    /// `REFUND-<orderId>`.
    pub key: String,
    /// `DEBIT-<orderId>`: the debit that is undone.
    pub debit_key: String,
    pub order_id: OrderId,
    /// At most the debit's amount.
    pub amount: Money,
}

/// What the Bank says of an order's money, in `POST /views`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentView {
    pub order_id: OrderId,
    pub outcome: PaymentOutcome,
    /// Who pays how much; null in a tombstone.
    pub account: Option<UserId>,
    pub amount: Option<Money>,
    /// Present when DEBITED.
    pub movement: Option<Movement>,
    /// The refund that the debit has had.
    pub refund: Option<RefundView>,
}

/// A refund, in [`PaymentView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundView {
    pub amount: Money,
    pub movement: Movement,
}

/// What the ledger holds of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Movement {
    pub transaction_id: String,
    /// What came to the customer's account by it, in minor units; negative: what left.
    pub posted: i64,
    /// The sum of all its entries; anything but 0 is a ledger that does not balance.
    pub sum: i64,
}

/// The money is back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundAnswer {
    pub key: String,
    pub transaction_id: String,
    pub amount: Money,
}
