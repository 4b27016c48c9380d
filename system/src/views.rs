//! `POST /views`: what a service says of a batch of orders, for the Store's reconciliation.
//!
//! Warehouse, Bank and DeliveryCo each have the route; what a view holds is in their own `dto`, and
//! an order that a service has never heard of has none. `store/reconcile.rs` compares.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::id::OrderId;

/// The scope that the route needs: it reads, and opens nothing else.
pub const SCOPE: &str = "reconcile";

/// The longest batch.
pub const ORDERS_MAX: usize = 100;

/// Which orders: 1 to 100.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewsRequest {
    pub orders: Vec<OrderId>,
}

/// The views of the orders that are known, in no particular order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Views<T> {
    pub views: Vec<T>,
}

impl ViewsRequest {
    /// The orders, if there are as many as may be.
    pub fn parse(self) -> Result<Vec<OrderId>, Error> {
        if (1..=ORDERS_MAX).contains(&self.orders.len()) {
            return Ok(self.orders);
        }
        Err(Error::invalid(format!("orders: expected 1 to {ORDERS_MAX}")))
    }
}

/// `$1, $2, …`: a placeholder for each order, for mappers. Only their number varies, which no
/// caller's text can reach.
pub fn places(orders: &[OrderId]) -> String {
    let places: Vec<_> = (1..=orders.len()).map(|place| format!("${place}")).collect();
    places.join(", ")
}
