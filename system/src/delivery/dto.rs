//! Deliveries as DeliveryCo's API shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stormproof_ports::time::Time;

use super::parcel::{Parcel, Timeline};
use crate::id::OrderId;
use crate::messages::DeliveryStatus;

/// A delivery. Times are microseconds since the epoch, null for what has not happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    pub order_id: OrderId,
    /// The machine's status: a parcel that was lost and found is LOST, with a `found_at`.
    pub status: DeliveryStatus,
    /// The number of its last update.
    pub sequence: i64,
    pub received_at: Option<Time>,
    pub picked_up_at: Option<Time>,
    pub in_transit_at: Option<Time>,
    pub delivered_at: Option<Time>,
    pub lost_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    pub found_at: Option<Time>,
}

/// Deliveries by order id; `next` is the `after` of the page that follows, if one may follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deliveries {
    pub deliveries: Vec<Delivery>,
    pub next: Option<OrderId>,
}

/// Which page of deliveries.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Page {
    /// Only orders after this one.
    pub after: Option<String>,
    /// 1 to 1000; 1000 if not given.
    pub limit: Option<i64>,
}

/// The answer to a driver's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reported {
    pub order_id: OrderId,
    pub status: DeliveryStatus,
    pub sequence: i64,
    pub found: bool,
}

impl From<(Parcel, Timeline)> for Delivery {
    fn from((parcel, timeline): (Parcel, Timeline)) -> Delivery {
        Delivery {
            order_id: parcel.order_id,
            status: parcel.status,
            sequence: parcel.sequence,
            received_at: timeline.received_at,
            picked_up_at: timeline.picked_up_at,
            in_transit_at: timeline.in_transit_at,
            delivered_at: timeline.delivered_at,
            lost_at: timeline.lost_at,
            cancelled_at: timeline.cancelled_at,
            found_at: timeline.found_at,
        }
    }
}

impl From<Parcel> for Reported {
    fn from(parcel: Parcel) -> Reported {
        Reported {
            order_id: parcel.order_id,
            status: parcel.status,
            sequence: parcel.sequence,
            found: parcel.found,
        }
    }
}
