//! A scenario as it is written: plain data, the same in TOML, in JSON Schema and in the hands of
//! the swarm and the shrinker.
//!
//! Nothing here is checked beyond its own shape; `check.rs` and `shapes.rs` do that.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{At, Length, Offset, Which};

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
    /// Send the order twice at once, same key, same body.
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

macro_rules! fault_table {
    ($($(#[$doc:meta])* $kind:ident),* $(,)?) => {
        /// One thing that goes wrong: exactly one kind with its target, and when.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct FaultTable {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $kind: Option<At<String>>,
            )*
            /// Once, at this time.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub at: Option<At<Length>>,
            /// From this time; the start, unless said otherwise.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub from: Option<At<Length>>,
            /// Until this time.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub until: Option<At<Length>>,
            /// At this moment, such as `after commit of order PAID`; for people's faults, at this
            /// status of the order.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub when: Option<At<String>>,
            /// The how manieth time (from 1) that the node passes the moment.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub nth: Option<At<u32>>,
            /// How many operations it hits; 1, unless said otherwise.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub times: Option<At<u32>>,
            /// Back after this time.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub restart: Option<At<Length>>,
            /// For this long.
            #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
            pub lasting: Option<At<Length>>,
            /// By this much.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub by: Option<At<Length>>,
            /// Only this operation.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub of: Option<At<String>>,
            /// This much later than `when`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub after: Option<At<Length>>,
            /// Open again after this time; never, unless said.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub reopen: Option<At<Length>>,
        }

        impl FaultTable {
            /// Every kind's key with its target, if it is there.
            pub fn kinds(&self) -> Vec<(&'static str, Option<&At<String>>)> {
                vec![$((stringify!($kind), self.$kind.as_ref())),*]
            }

            /// The target, whatever the kind.
            pub fn target_mut(&mut self) -> Option<&mut At<String>> {
                [$(self.$kind.as_mut()),*].into_iter().flatten().next()
            }

            /// A fault of the kind written as `key`, aimed at `target`; `None` if there is no such
            /// kind.
            pub fn aimed(key: &str, target: impl Into<String>) -> Option<FaultTable> {
                let mut table = FaultTable::default();
                let place = match key {
                    $(stringify!($kind) => &mut table.$kind,)*
                    _ => return None,
                };
                *place = Some(At::from(target.into()));
                Some(table)
            }
        }
    };
}

fault_table! {
    /// Power cut of a node.
    crash,
    /// Clean exit of a node.
    stop,
    /// A node stands still.
    pause,
    /// A node is slow.
    slow,
    /// Nothing passes: `bank -> store`, or both ways: `bank <-> store`.
    cut,
    /// Everything between two nodes takes longer: `store -> bank`.
    slow_link,
    /// Connection attempts get no answer: `store -> bank`.
    connect_hangs,
    /// The answer never arrives: `store -> bank`.
    reply_lost,
    /// The request arrives late: `store -> bank`.
    request_late,
    /// The request arrives twice: `store -> bank`.
    request_twice,
    /// A queue's confirm never arrives.
    confirm_lost,
    /// A queue holds a message twice.
    message_twice,
    /// A message reaches its queue late.
    message_late,
    /// What waits in a queue is shuffled.
    messages_reordered,
    /// A service's database loses the connection before a commit.
    connection_lost_before_commit,
    /// A service's database loses the connection after a commit.
    connection_lost_after_commit,
    /// A service's database undoes a transaction.
    serialization_failure,
    /// The driver loses the parcel of an order: `customer-1/1`.
    lose_parcel,
    /// The driver finds the lost parcel of an order.
    find_parcel,
    /// The Bank closes for some time: `bank`.
    bank_closed,
    /// The account that paid, or is to pay, for an order is closed.
    close_account,
    /// A message that nobody can read arrives in a queue.
    poison,
    /// A message for a queue comes back to its publisher: no queue takes it.
    message_returned,
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
