//! The Warehouse's wire types: what its HTTP interface reads and writes.
//!
//! Lists of goods are in (sku, warehouse) order in every answer, and may come in any order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::reservation::{Line, State};
use crate::id::{OrderId, Sku, WarehouseId};

/// `POST /availability`: which products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AvailabilityRequest {
    pub skus: Vec<Sku>,
}

/// What could be reserved now. A product that no warehouse has ever had has no rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AvailabilityAnswer {
    pub rows: Vec<Availability>,
}

/// What one warehouse could give of one product; may be 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Availability {
    pub sku: Sku,
    pub warehouse: WarehouseId,
    pub available: i64,
}

/// `PUT /reservations/{order}`: the whole allocation of the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReserveRequest {
    pub lines: Vec<Line>,
}

/// The answer of every reservation route. The 409s carry the same members in their problem
/// document, because they too tell what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReservationAnswer {
    pub state: State,
    pub lines: Vec<Line>,
}

/// What the Warehouse says of an order, in `POST /views`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReservationView {
    pub order_id: OrderId,
    pub state: State,
    pub lines: Vec<Line>,
}

/// `POST /stock`: goods arrive. The answer repeats it, and so does the answer to a repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Restock {
    /// The idempotency key, an identifier of the caller's own.
    pub key: String,
    pub sku: Sku,
    pub warehouse: WarehouseId,
    pub quantity: i64,
}

/// `GET /stock`: the books, for support and reconciliation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockAnswer {
    pub rows: Vec<Stock>,
}

/// One row of the books: `received = on_hand + committed`, and `0 <= reserved <= on_hand`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Stock {
    pub sku: Sku,
    pub warehouse: WarehouseId,
    pub received: i64,
    pub on_hand: i64,
    pub reserved: i64,
    pub committed: i64,
}
