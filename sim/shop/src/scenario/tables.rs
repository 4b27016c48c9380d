//! A scenario as it is written: plain data, the same in TOML, in JSON Schema and in the hands of
//! the swarm and the shrinker.
//!
//! Nothing here is checked beyond its own shape; `check.rs` does that.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::people::PeopleKind;
use super::units::{At, Length, Offset, Which};

/// One thing that goes wrong with machines or people.
pub type FaultTable = stormproof_faults::FaultTable<PeopleKind>;

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What happens and what must hold, in a sentence or two.
    pub about: String,
    /// The seed of the run unless another is asked for.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub seed: u64,
    #[serde(default)]
    pub world: WorldTable,
    /// The people who buy: `customer-1`, `customer-2` and so on.
    #[serde(default, rename = "customer", skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<CustomerTable>,
    /// What goes wrong.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<At<FaultTable>>,
    /// What must have become true at rest, besides every invariant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<ExpectTable>,
}

/// Where it happens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorldTable {
    /// How many nodes each service has; one, unless said otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<String, At<u32>>,
    /// What lies in the warehouses at first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stock: Vec<StockTable>,
    /// Products that cost something else than 10.00.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductTable>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub carrier: CarrierTable,
    /// Nodes whose clocks are off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clocks: BTreeMap<String, At<Offset>>,
    /// How long services keep the messages that they sent, which they received, and the audit trail (that
    /// for twenty minutes at least); as in production, unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Length>,
    /// How many rows a page holds: of lists that people read, and of what the services compare; as in
    /// production, unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<At<i64>>,
    /// How long the Store keeps the answers to customers' keys, at the least; 48h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_kept: Option<At<Length>>,
    /// How long faults may last before the calm begins; 60s or the end of the last fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<Length>,
}

/// Goods in a warehouse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StockTable {
    pub sku: At<String>,
    pub warehouse: At<String>,
    pub units: At<i64>,
}

/// A product and its price in minor units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductTable {
    pub sku: At<String>,
    pub price: At<i64>,
}

/// How fast, and how reliably, parcels travel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CarrierTable {
    /// From the request to the pick-up; 2s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick_up: Option<Length>,
    /// From the pick-up to the road; 2s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depart: Option<Length>,
    /// From the road to the door; 4s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver: Option<Length>,
    /// Of a thousand parcels, how many are lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_per_mille: Option<At<u64>>,
    /// Of a thousand lost parcels, how many are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_per_mille: Option<At<u64>>,
    /// From the loss to the find; 20s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Length>,
}

/// Somebody who buys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerTable {
    /// What is in the bank account, in minor units; 1000.00 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<At<i64>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub card: Card,
    /// Step after step, each begun when the one before has its answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<At<StepTable>>,
}

/// What the Bank thinks of a customer's card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Card {
    #[default]
    Ok,
    /// The account was closed before the first order.
    Declined,
}

/// One step of a script: `order`, `cancel` or `poll`, or only a wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepTable {
    /// Wait until an order has reached this status, or can no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_until: Option<At<String>>,
    /// Wait this long (after `wait_until`), then act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Length>,
    /// Order so many of each product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<BTreeMap<String, At<i64>>>,
    /// Send the order twice at once, same key, same body, once in other words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub double_submit: bool,
    /// After the answer, send another body with the same key.
    #[serde(default, skip_serializing_if = "is_default")]
    pub same_key_other_body: bool,
    /// The buyer drops the request this soon after sending it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Length>,
    /// A buyer who was gone asks again with the same key after this time; never, unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Length>,
    /// So long after the answer, send the order once more, in other words, with the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Length>,
    /// Cancel an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<At<Which>>,
    /// Look at all own orders and their timelines.
    #[serde(default, skip_serializing_if = "is_default")]
    pub poll: bool,
    /// The order that `wait_until` looks at; the one cancelled, or the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<At<Which>>,
}

/// What must have become true at rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectTable {
    /// How many orders there are in each status; a status not named has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<BTreeMap<String, At<u64>>>,
    /// Debits that the Bank made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debits: Option<u64>,
    /// Refunds that the Bank made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunds: Option<u64>,
    /// Refunds that wait for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<u64>,
    /// Mails to customers and support that the mail server took, by template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mails: Option<BTreeMap<String, At<u64>>>,
    /// Alerts on the support page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<u64>,
    /// Messages in dead-letter queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<u64>,
}

fn one() -> u64 {
    1
}

fn is_one(seed: &u64) -> bool {
    *seed == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
