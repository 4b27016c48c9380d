//! Every message of the shop, its queue and its version, on one page (`protocol.md` §7).
//!
//! How a payload travels, and what becomes of one that cannot be read, is `stormproof-messaging`'s.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stormproof_messaging::Payload;
pub use stormproof_messaging::retries::{DEAD, DELIVERY_LIMIT, RETRIES};
pub use stormproof_messaging::{decode, encode};

use crate::api::{Shape, shape};
use crate::id::{OrderId, UserId};
use crate::money::Money;

/// A queue, its one owner, and what it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueRow {
    pub name: &'static str,
    /// The service that consumes it.
    pub owner: &'static str,
    pub exchange: &'static str,
    /// Topic pattern of the binding.
    pub binding: &'static str,
}

pub const STORE_EXCHANGE: &str = "store.exchange";
pub const DELIVERY_EXCHANGE: &str = "delivery.exchange";
pub const PAYMENT_EXCHANGE: &str = "payment.exchange";

/// The durable topic exchanges.
pub const EXCHANGES: [&str; 3] = [STORE_EXCHANGE, DELIVERY_EXCHANGE, PAYMENT_EXCHANGE];

pub const DELIVERY_REQUESTS: &str = "delivery.request.queue";
pub const DELIVERY_CANCELS: &str = "delivery.cancel.queue";
pub const DELIVERY_UPDATES: &str = "delivery.update.queue";
pub const BANK_DEBITS: &str = "bank.debit.queue";
pub const PAYMENT_RESULTS: &str = "payment.result.queue";
pub const MAIL_SUCCESS: &str = "email.ordersuccess.queue";
pub const MAIL_FAIL: &str = "email.orderfail.queue";
pub const MAIL_REFUND: &str = "email.refund.queue";
pub const MAIL_LOST: &str = "email.lost.queue";
pub const MAIL_SUPPORT: &str = "email.support.queue";

/// Every queue. Each also has its retry queues and its dead-letter queue.
pub const QUEUES: [QueueRow; 10] = [
    row(DELIVERY_REQUESTS, "delivery", DELIVERY_EXCHANGE, "delivery.request"),
    row(DELIVERY_CANCELS, "delivery", DELIVERY_EXCHANGE, "delivery.cancel"),
    row(DELIVERY_UPDATES, "store", DELIVERY_EXCHANGE, "delivery.update.#"),
    row(BANK_DEBITS, "bank", PAYMENT_EXCHANGE, "payment.debit"),
    row(PAYMENT_RESULTS, "store", PAYMENT_EXCHANGE, "payment.result"),
    row(MAIL_SUCCESS, "email", STORE_EXCHANGE, "email.ordersuccess"),
    row(MAIL_FAIL, "email", STORE_EXCHANGE, "email.orderfail"),
    row(MAIL_REFUND, "email", STORE_EXCHANGE, "email.refund"),
    row(MAIL_LOST, "email", STORE_EXCHANGE, "email.lost"),
    row(MAIL_SUPPORT, "email", STORE_EXCHANGE, "email.support"),
];

const fn row(
    name: &'static str,
    owner: &'static str,
    exchange: &'static str,
    binding: &'static str,
) -> QueueRow {
    QueueRow { name, owner, exchange, binding }
}

/// The Store asks DeliveryCo to deliver an order. A repeat gets the current status again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryRequest {
    pub order_id: OrderId,
    pub customer_id: UserId,
    pub email: String,
    /// Where the goods lie.
    pub warehouses: Vec<String>,
    pub lines: Vec<DeliveryLine>,
}

/// Goods to fetch at one warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryLine {
    pub product_id: String,
    pub name: String,
    pub quantity: i64,
    pub warehouse: String,
}

/// The Store asks DeliveryCo not to deliver. It answers with an update: CANCELLED, or the status
/// that makes it too late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryCancel {
    pub order_id: OrderId,
}

/// DeliveryCo tells the status of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryUpdate {
    pub order_id: OrderId,
    /// Counts the delivery's changes from 1; a repeated update keeps its number.
    pub sequence: i64,
    pub status: DeliveryStatus,
    /// When the parcel got there, in microseconds since the epoch by DeliveryCo's clock.
    pub at: i64,
}

/// What DeliveryCo reports.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryStatus {
    Received,
    PickedUp,
    InTransit,
    Delivered,
    Lost,
    Cancelled,
}

/// A debit that could not be made by HTTP, with the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DebitRequest {
    /// `DEBIT-<orderId>`.
    pub key: String,
    pub order_id: OrderId,
    pub account: UserId,
    pub amount: Money,
}

/// The Bank's definitive answer to a debit that came by queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentResult {
    pub key: String,
    pub order_id: OrderId,
    pub outcome: PaymentOutcome,
    /// Present when DEBITED.
    pub transaction_id: Option<String>,
    /// Present when DECLINED.
    pub reason: Option<String>,
}

/// How a debit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentOutcome {
    Debited,
    Declined,
    Voided,
}

/// Mail: the order is paid and on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderSuccess {
    pub order_id: OrderId,
    pub to: String,
    pub total: Money,
}

/// Mail: the order failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderFail {
    pub order_id: OrderId,
    pub to: String,
    pub explanation: String,
}

/// Mail: money went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refund {
    pub order_id: OrderId,
    pub to: String,
    pub amount: Money,
    /// Microseconds since the epoch.
    pub time: i64,
    pub reason: String,
}

/// Mail: the carrier lost the parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lost {
    pub order_id: OrderId,
    pub to: String,
}

/// Mail to the support team: somebody has to look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Support {
    pub order_id: OrderId,
    /// What the alert is about, such as `refund parked`.
    pub kind: String,
    pub text: String,
    /// The alert's id: one mail for each. Empty in messages from before alerts had one.
    #[serde(default)]
    pub alert: String,
}

macro_rules! payloads {
    ($($name:ty, $schema:literal, $exchange:expr;)*) => {$(
        impl Payload for $name {
            const SCHEMA: &'static str = $schema;
            const VERSION: u32 = 1;
            const EXCHANGE: &'static str = $exchange;

            fn subject(&self) -> &str {
                self.order_id.as_str()
            }
        }
    )*};
}

payloads! {
    DeliveryRequest, "delivery.request", DELIVERY_EXCHANGE;
    DeliveryCancel, "delivery.cancel", DELIVERY_EXCHANGE;
    DebitRequest, "payment.debit", PAYMENT_EXCHANGE;
    PaymentResult, "payment.result", PAYMENT_EXCHANGE;
    OrderSuccess, "email.ordersuccess", STORE_EXCHANGE;
    OrderFail, "email.orderfail", STORE_EXCHANGE;
    Refund, "email.refund", STORE_EXCHANGE;
    Lost, "email.lost", STORE_EXCHANGE;
    Support, "email.support", STORE_EXCHANGE;
}

impl Payload for DeliveryUpdate {
    const SCHEMA: &'static str = "delivery.update";
    const VERSION: u32 = 1;
    const EXCHANGE: &'static str = DELIVERY_EXCHANGE;

    fn routing_key(&self) -> String {
        format!("delivery.update.{}", self.status.as_str().to_ascii_lowercase())
    }

    fn subject(&self) -> &str {
        self.order_id.as_str()
    }
}

impl DeliveryStatus {
    pub const ALL: [DeliveryStatus; 6] = [
        DeliveryStatus::Received,
        DeliveryStatus::PickedUp,
        DeliveryStatus::InTransit,
        DeliveryStatus::Delivered,
        DeliveryStatus::Lost,
        DeliveryStatus::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryStatus::Received => "RECEIVED",
            DeliveryStatus::PickedUp => "PICKED_UP",
            DeliveryStatus::InTransit => "IN_TRANSIT",
            DeliveryStatus::Delivered => "DELIVERED",
            DeliveryStatus::Lost => "LOST",
            DeliveryStatus::Cancelled => "CANCELLED",
        }
    }
}

/// A payload as its documentation shows it.
#[derive(Clone, Copy)]
pub struct PayloadRow {
    pub schema: &'static str,
    pub version: u32,
    pub exchange: &'static str,
    pub shape: Shape,
}

/// Every payload.
pub const PAYLOADS: [PayloadRow; 10] = [
    payload::<DeliveryRequest>(),
    payload::<DeliveryCancel>(),
    payload::<DeliveryUpdate>(),
    payload::<DebitRequest>(),
    payload::<PaymentResult>(),
    payload::<OrderSuccess>(),
    payload::<OrderFail>(),
    payload::<Refund>(),
    payload::<Lost>(),
    payload::<Support>(),
];

const fn payload<P: Payload + JsonSchema>() -> PayloadRow {
    PayloadRow { schema: P::SCHEMA, version: P::VERSION, exchange: P::EXCHANGE, shape: shape::<P> }
}
