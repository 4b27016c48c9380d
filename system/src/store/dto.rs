//! The Store's API on the wire, apart from its entities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::Money;

/// `POST /register`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// 3 to 32 letters, digits, `-`, `_` or `.`.
    pub username: String,
    /// 8 to 128 characters.
    pub password: String,
    pub email: String,
}

/// The answer to a registration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Registered {
    pub user_id: String,
}

/// `POST /login`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub username: String,
    pub password: String,
}

/// The answer to a login: a bearer token (RFC 6750) and its lifetime in seconds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LoggedIn {
    pub user_id: String,
    pub token: String,
    pub expires_in: u64,
}

/// A product, in `GET /products` and `POST /products`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    pub sku: String,
    pub name: String,
    pub price: Money,
}

/// `POST /orders`, with an `Idempotency-Key`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// At least one, each product once.
    pub lines: Vec<WantedLine>,
}

/// A product and how many of it: 1 to 1000.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedLine {
    pub sku: String,
    pub quantity: i64,
}

/// An order as its customer sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderView {
    pub order_id: String,
    pub status: String,
    /// The payment's status: NONE, DEBIT_INTENT, DEBITED, …
    pub payment: String,
    pub total: Money,
    /// What there is to explain; empty while all is well.
    pub explanation: String,
    pub lines: Vec<LineView>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LineView {
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    pub price: Money,
}

/// One status of an order's timeline and when it was first reached, in microseconds since the
/// epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    pub status: String,
    pub at: i64,
}

/// A refund that waits for people, in `GET /support/refunds`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParkedRefund {
    pub order_id: String,
    pub amount: Money,
    pub reason: String,
}

/// `POST /support/reconciliations`: compare a page of orders now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// Only orders after this one; from the first if not given.
    #[serde(default)]
    pub after: Option<String>,
    /// How long an order has to have rested, in seconds; 600 if not given.
    #[serde(default)]
    pub quiet_seconds: Option<u64>,
}

/// What a page of orders came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reconciled {
    /// How many orders were compared.
    pub compared: i64,
    pub differences: Vec<DifferenceView>,
    /// The `after` of the page that follows, if one may follow.
    pub next: Option<String>,
}

/// Something that two services tell differently of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DifferenceView {
    pub order_id: String,
    /// The kind of the alert that it raised, such as `payment disagrees`.
    pub kind: String,
    pub text: String,
}

/// An alert, in `GET /support/alerts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertView {
    pub id: String,
    pub order_id: String,
    pub kind: String,
    /// What tells it from other alerts of its kind about the order, such as the id of a message that died.
    pub cause: String,
    pub text: String,
    /// Microseconds since the epoch.
    pub raised_at: i64,
}
