//! A scenario: what happens in a run, parsed at the door.
//!
//! `tables.rs` is what is written; `check.rs`, `script.rs` and `people.rs` are the way from one to the
//! other, with every mistake answered by file, line and what was expected; `files.rs` finds the files.
//! Faults of machines are read by whoever knows no shop. A [`Scenario`] in hand is one that can run.

mod check;
pub mod document;
pub mod files;
pub mod people;
mod script;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod units;

use std::collections::BTreeMap;
use std::time::Duration;

use stormproof_system::store::order::OrderStatus;

use crate::topology::Replicas;
pub use mistake::{Mistake, Source, one_of};
pub use people::PeopleKind;
use stormproof_faults::{Fault, FaultRow, mistake, table};
use tables::Card;
pub use tables::Document;
pub use units::{OrderName, Which};

/// What happens, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's stem.
    pub name: String,
    pub about: String,
    pub seed: u64,
    pub world: WorldSpec,
    pub customers: Vec<Customer>,
    /// What goes wrong with machines.
    pub faults: Vec<Fault>,
    /// What goes wrong with people.
    pub people: Vec<PeopleFault>,
    /// Where `faults` and `people` stand in the file, each by place; empty if there is no file.
    pub lines: Lines,
    /// Where they stand in the document's list of faults.
    pub places: Places,
    pub expect: Option<Expect>,
    /// The scenario as it is written: for printing, shrinking and replay.
    pub document: Document,
}

/// Lines of the file, from 1.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    pub faults: Vec<usize>,
    pub people: Vec<usize>,
}

/// Places in the document's list of faults.
#[derive(Clone, Debug, Default)]
pub struct Places {
    pub faults: Vec<usize>,
    pub people: Vec<usize>,
}

/// Where it happens.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    pub replicas: Replicas,
    pub stock: Vec<Stock>,
    /// Every product with its price in minor units.
    pub products: BTreeMap<String, i64>,
    pub carrier: CarrierSpec,
    /// How many rows a page holds, if not as many as in production.
    pub page: Option<i64>,
    /// How long answers to keys are kept, if not as long as in production.
    pub keys_kept: Option<Duration>,
    /// Microseconds that a node's clock is off.
    pub clocks: BTreeMap<String, i64>,
    /// How long services keep what they are done with, if not as in production.
    pub retention: Option<Duration>,
    /// When faults end at the latest.
    pub storm: Duration,
}

/// Goods in a warehouse.
#[derive(Clone, Debug)]
pub struct Stock {
    pub sku: String,
    pub warehouse: String,
    pub units: i64,
}

/// How parcels travel.
#[derive(Clone, Debug)]
pub struct CarrierSpec {
    pub pick_up: Duration,
    pub depart: Duration,
    pub deliver: Duration,
    pub lost_per_mille: u64,
    pub found_per_mille: u64,
    pub found: Duration,
}

/// Somebody who buys.
#[derive(Clone, Debug)]
pub struct Customer {
    pub balance: i64,
    pub card: Card,
    pub script: Vec<ScriptStep>,
}

/// One step of a script.
#[derive(Clone, Debug)]
pub struct ScriptStep {
    /// Which order has to reach which status first.
    pub wait_until: Option<(Which, OrderStatus)>,
    pub after: Duration,
    pub action: Action,
}

impl WorldSpec {
    /// How far two clocks may be apart, at the most.
    pub fn clocks_apart(&self) -> Duration {
        let largest = self.clocks.values().map(|offset| offset.unsigned_abs()).max();
        2 * Duration::from_micros(largest.unwrap_or(0))
    }
}

/// What a customer does.
#[derive(Clone, Debug)]
pub enum Action {
    Wait,
    Order(OrderStep),
    Cancel(Which),
    /// Looks at all orders and their timelines.
    Poll,
}

/// An order, and how oddly it is placed.
#[derive(Clone, Debug)]
pub struct OrderStep {
    pub lines: Vec<(String, i64)>,
    pub double_submit: bool,
    pub same_key_other_body: bool,
    /// When the buyer drops the request, and when the buyer is back.
    pub gone: Option<(Duration, Option<Duration>)>,
    /// When, after the answer, the buyer asks once more with the same key.
    pub again: Option<Duration>,
}

/// Something that goes wrong with people.
#[derive(Clone, Debug)]
pub enum PeopleFault {
    LoseParcel {
        order: OrderName,
        status: OrderStatus,
        after: Duration,
    },
    FindParcel {
        order: OrderName,
        after: Duration,
    },
    /// The Bank's nodes stop for the time.
    BankClosed {
        at: Duration,
        length: Duration,
    },
    CloseAccount {
        order: OrderName,
        status: OrderStatus,
        after: Duration,
        reopen: Option<Duration>,
    },
    /// A product costs this from then on.
    ChangePrice {
        sku: String,
        price: i64,
        at: Duration,
    },
    /// So many more units arrive in a warehouse.
    Restock {
        sku: String,
        warehouse: String,
        units: i64,
        at: Duration,
    },
    /// A message that nobody can read.
    Poison {
        queue: String,
        at: Duration,
    },
}

/// What must have become true.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    pub orders: Option<BTreeMap<&'static str, u64>>,
    pub debits: Option<u64>,
    pub refunds: Option<u64>,
    pub parked: Option<u64>,
    pub mails: Option<BTreeMap<String, u64>>,
    pub alerts: Option<u64>,
    pub dead: Option<u64>,
}

/// Name and meaning of every fault that people cause, in the order of `world.md`'s table.
pub const PEOPLE_FAULTS: [(&str, &str); 14] = [
    ("declined card", "the Bank refuses a debit for good: the account is frozen"),
    ("too little money", "the Bank refuses a debit for good: the balance is too low"),
    (PeopleKind::LoseParcel.name(), PeopleKind::LoseParcel.says()),
    (PeopleKind::FindParcel.name(), PeopleKind::FindParcel.says()),
    ("cancel", "a customer cancels, at whatever step"),
    ("double submit", "a customer sends the same order twice at once"),
    ("same key, other body", "a customer sends another order with a key already used"),
    ("buyer gone mid-request", "a customer drops an order before its answer"),
    ("rival for the last unit", "an order loses its stock to another after it was planned"),
    (PeopleKind::BankClosed.name(), PeopleKind::BankClosed.says()),
    (PeopleKind::CloseAccount.name(), PeopleKind::CloseAccount.says()),
    (PeopleKind::ChangePrice.name(), PeopleKind::ChangePrice.says()),
    (PeopleKind::Restock.name(), PeopleKind::Restock.says()),
    (PeopleKind::Poison.name(), PeopleKind::Poison.says()),
];

impl PeopleFault {
    /// The kind of it.
    pub fn kind(&self) -> PeopleKind {
        match self {
            PeopleFault::LoseParcel { .. } => PeopleKind::LoseParcel,
            PeopleFault::FindParcel { .. } => PeopleKind::FindParcel,
            PeopleFault::BankClosed { .. } => PeopleKind::BankClosed,
            PeopleFault::CloseAccount { .. } => PeopleKind::CloseAccount,
            PeopleFault::ChangePrice { .. } => PeopleKind::ChangePrice,
            PeopleFault::Restock { .. } => PeopleKind::Restock,
            PeopleFault::Poison { .. } => PeopleKind::Poison,
        }
    }

    /// The name in reports and counters.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }
}

/// Every kind of fault that a scenario can hold, in the order in which the swarm draws them.
pub fn fault_rows() -> Vec<&'static FaultRow> {
    table::rows::<PeopleKind>()
}

/// Name and meaning of every fault of machines and people, for lists.
pub fn fault_names() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    let machines = stormproof_faults::FaultKind::ALL.iter().map(|kind| (kind.name(), kind.says()));
    machines.chain(PEOPLE_FAULTS)
}

/// The words of the story.
impl std::fmt::Display for PeopleFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PeopleFault::LoseParcel { order, .. }
            | PeopleFault::FindParcel { order, .. }
            | PeopleFault::CloseAccount { order, .. } => {
                write!(formatter, "{}: {order}", self.name())
            }
            PeopleFault::BankClosed { .. } => formatter.write_str(self.name()),
            PeopleFault::ChangePrice { sku, .. } | PeopleFault::Restock { sku, .. } => {
                write!(formatter, "{} of {sku}", self.name())
            }
            PeopleFault::Poison { queue, .. } => write!(formatter, "{} in {queue}", self.name()),
        }
    }
}

impl Scenario {
    /// What was asked for with the fault at this place of `faults`: `crash bank at 3s (line 12)`.
    pub fn asked(&self, place: usize) -> String {
        let fault = &self.faults[place];
        at_line(&self.lines.faults, place, format!("{fault} {}", fault.when))
    }

    /// The same for the fault at this place of `people`.
    pub fn asked_of_people(&self, place: usize) -> String {
        at_line(&self.lines.people, place, self.people[place].to_string())
    }

    /// The same for the fault at this place of the document.
    ///
    /// # Panics
    /// If the document has no such fault.
    pub fn asked_at(&self, place: usize) -> String {
        let find = |places: &[usize]| places.iter().position(|it| *it == place);
        match (find(&self.places.faults), find(&self.places.people)) {
            (Some(place), _) => self.asked(place),
            (_, Some(place)) => self.asked_of_people(place),
            _ => panic!("there is no fault {place}"),
        }
    }

    /// Reads a scenario from TOML; `file` is named in mistakes, its stem names the scenario.
    pub fn parse(file: &str, text: &str) -> Result<Scenario, Mistake> {
        let source = mistake::Source { file, text };
        let document: Document = toml::from_str(text)
            .map_err(|error| source.mistake(&error.span().unwrap_or(0..0), error.message()))?;
        check::scenario(source, files::stem(file), document)
    }

    /// Checks a scenario made of plain data, as the swarm and the shrinker make them.
    pub fn from_document(name: &str, document: Document) -> Result<Scenario, Mistake> {
        check::scenario(mistake::Source { file: name, text: "" }, name, document)
    }

    /// The scenario as a file.
    pub fn to_toml(&self) -> String {
        self.document.to_toml()
    }
}

fn at_line(lines: &[usize], place: usize, words: String) -> String {
    lines.get(place).map_or(words.clone(), |line| format!("{words} (line {line})"))
}

impl Document {
    /// The document as a file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables, strings and numbers are all that TOML needs")
    }

    /// The JSON Schema of scenario files.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Document).to_value()
    }
}
