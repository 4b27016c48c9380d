//! Workloads and fault plans as they are drawn: plain data whose parts do not depend on each other.
//!
//! Targets are numbers that are read modulo what there is. So any part can shrink away, and what is
//! left can still be run.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use stormproof_faults::moment::Moment;
use stormproof_faults::{FaultRow, TargetForm, Timing};
use stormproof_shop::scenario::people::{BANK, PRODUCT, PeopleKind, REOPEN};
use stormproof_shop::scenario::tables::{
    Card, CarrierTable, CustomerTable, Document, FaultTable, StepTable, StockTable, WorldTable,
};
use stormproof_shop::scenario::units::{At, Length};
use stormproof_shop::scenario::{Which, fault_rows};
use stormproof_shop::topology;

/// The first product is scarce: everybody's rival is everybody.
const SKUS: [&str; 2] = ["teapot", "mug"];
const WAREHOUSES: [&str; 2] = ["sydney", "perth"];
const STATUSES: [&str; 5] = ["PENDING_PAYMENT", "PAID", "RECEIVED", "PICKED_UP", "IN_TRANSIT"];

/// A whole case, as it is drawn.
#[derive(Clone, Debug)]
pub struct Plan {
    seed: u64,
    stores: u32,
    /// Units of each product in each warehouse; none: the warehouse never had any.
    stock: [[i64; 2]; 2],
    lost_per_mille: u64,
    customers: Vec<Buyer>,
    faults: Vec<Trouble>,
}

/// A customer, as it is drawn.
#[derive(Clone, Debug)]
struct Buyer {
    purse: Purse,
    orders: Vec<Purchase>,
}

#[derive(Clone, Copy, Debug)]
enum Purse {
    Full,
    /// Enough for two units.
    Thin,
    Declined,
}

/// An order and what its customer does about it, as they are drawn.
#[derive(Clone, Debug)]
struct Purchase {
    units: i64,
    sku: Index,
    after_ms: u64,
    odd: Odd,
    /// Cancelled so many milliseconds after this status.
    cancel: Option<(Index, u64)>,
}

#[derive(Clone, Copy, Debug)]
enum Odd {
    No,
    DoubleSubmit,
    OtherBody,
    /// Gone after so many milliseconds; back after so many, or never.
    Gone(u64, Option<u64>),
}

/// A fault, as it is drawn; each kind takes from it what it needs to be told.
#[derive(Clone, Debug)]
struct Trouble {
    kind: Index,
    target: Index,
    /// At which passing of which moment, instead of at a time.
    moment: Option<(Index, Index, u32)>,
    at_ms: u64,
    length_ms: u64,
    times: u32,
    /// Whether it is narrowed down further: to one operation, to both directions.
    narrow: Option<Index>,
}

/// Any plan.
pub fn plan() -> impl Strategy<Value = Plan> {
    let units = [[1..=3i64, 0..=2], [4..=16, 0..=3]];
    let lost = prop_oneof![3 => Just(0u64), 1 => Just(400)];
    let customers = vec(buyer(), 1..=4);
    (1..10_000u64, 1..=3u32, units, lost, customers, vec(trouble(), 0..=6)).prop_map(
        |(seed, stores, stock, lost_per_mille, customers, faults)| Plan {
            seed,
            stores,
            stock,
            lost_per_mille,
            customers,
            faults,
        },
    )
}

fn buyer() -> impl Strategy<Value = Buyer> {
    let purse =
        prop_oneof![8 => Just(Purse::Full), 1 => Just(Purse::Thin), 1 => Just(Purse::Declined)];
    (purse, vec(purchase(), 1..=4)).prop_map(|(purse, orders)| Buyer { purse, orders })
}

fn purchase() -> impl Strategy<Value = Purchase> {
    let odd = prop_oneof![
        8 => Just(Odd::No),
        1 => Just(Odd::DoubleSubmit),
        1 => Just(Odd::OtherBody),
        1 => (1..60u64, proptest::option::of(100..8_000u64))
            .prop_map(|(gone, back)| Odd::Gone(gone, back)),
    ];
    // Parcels are picked up two seconds after their request: some cancels come just then.
    let after = prop_oneof![2 => 0..400u64, 1 => 1_800..2_100u64];
    let cancel = proptest::option::weighted(0.4, (any::<Index>(), after));
    (1..=3i64, any::<Index>(), 0..4_000u64, odd, cancel).prop_map(
        |(units, sku, after_ms, odd, cancel)| Purchase { units, sku, after_ms, odd, cancel },
    )
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let moment = proptest::option::of((any::<Index>(), any::<Index>(), 1..=3u32));
    // Leases last 20 seconds: some pauses outlast them.
    let length = prop_oneof![3 => 50..8_000u64, 1 => 20_500..30_000u64];
    let narrow = proptest::option::of(any::<Index>());
    // A fault stays of its kind while it shrinks: another kind would be another story.
    let kind = any::<Index>().no_shrink();
    (kind, any::<Index>(), moment, 0..8_000u64, length, 1..=3u32, narrow).prop_map(
        |(kind, target, moment, at_ms, length_ms, times, narrow)| Trouble {
            kind,
            target,
            moment,
            at_ms,
            length_ms,
            times,
            narrow,
        },
    )
}

impl Plan {
    /// What a file of this case would hold.
    pub fn document(&self) -> Document {
        let mut stock = Vec::new();
        for (sku, row) in SKUS.iter().zip(&self.stock) {
            for (warehouse, units) in WAREHOUSES.iter().zip(row).filter(|(_, units)| **units > 0) {
                stock.push(StockTable {
                    sku: At::from((*sku).to_owned()),
                    warehouse: At::from((*warehouse).to_owned()),
                    units: At::from(*units),
                });
            }
        }
        let lost = (self.lost_per_mille > 0).then(|| At::from(self.lost_per_mille));
        let mut document = Document {
            about: "Drawn by proptest.".to_owned(),
            seed: self.seed,
            world: WorldTable {
                replicas: BTreeMap::from([("store".to_owned(), At::from(self.stores))]),
                stock,
                carrier: CarrierTable { lost_per_mille: lost, ..CarrierTable::default() },
                ..WorldTable::default()
            },
            customers: self.customers.iter().map(Buyer::table).collect(),
            ..Document::default()
        };
        for trouble in &self.faults {
            let fault = trouble.table(&document);
            document.faults.extend(fault.map(At::from));
        }
        document
    }
}

impl Buyer {
    fn table(&self) -> CustomerTable {
        CustomerTable {
            balance: matches!(self.purse, Purse::Thin).then(|| At::from(20_00)),
            card: if matches!(self.purse, Purse::Declined) { Card::Declined } else { Card::Ok },
            script: self.orders.iter().flat_map(Purchase::steps).map(At::from).collect(),
        }
    }
}

impl Purchase {
    fn steps(&self) -> Vec<StepTable> {
        let sku = self.sku.get(&SKUS);
        let gone = match self.odd {
            Odd::Gone(gone, back) => Some((ms(gone), back.map(ms))),
            _ => None,
        };
        let order = StepTable {
            after: Some(ms(self.after_ms)),
            order: Some(BTreeMap::from([((*sku).to_owned(), At::from(self.units))])),
            double_submit: matches!(self.odd, Odd::DoubleSubmit),
            same_key_other_body: matches!(self.odd, Odd::OtherBody),
            gone: gone.map(|(gone, _)| gone),
            back: gone.and_then(|(_, back)| back),
            ..StepTable::default()
        };
        let cancel = self.cancel.as_ref().map(|(status, after_ms)| StepTable {
            wait_until: Some(At::from((*status.get(&STATUSES)).to_owned())),
            after: Some(ms(*after_ms)),
            cancel: Some(At::from(Which::Last)),
            ..StepTable::default()
        });
        std::iter::once(order).chain(cancel).collect()
    }
}

impl Trouble {
    /// The fault, aimed at something that `document` has; none if it has no such thing.
    fn table(&self, document: &Document) -> Option<FaultTable> {
        let row = *self.kind.get(&fault_rows());
        let own = PeopleKind::of_key(row.key);
        let moment = self.moment(row);
        let target = match &moment {
            Some((service, _)) => (*service).to_owned(),
            None => self.aim(row, document)?,
        };
        let mut fault = FaultTable::aimed(row, target.clone());
        let length = At::from(ms(self.length_ms));
        let (start, end) = (At::from(ms(self.at_ms)), At::from(ms(self.at_ms + self.length_ms)));
        match (row.timing, moment) {
            (_, Some((_, moment))) => {
                fault.when = Some(At::from(moment.to_string()));
                fault.nth = self.moment.as_ref().map(|(_, _, nth)| At::from(*nth));
            }
            (Timing::Once | Timing::Time, None) => fault.at = Some(start),
            (Timing::Window, None) => (fault.from, fault.until) = (Some(start), Some(end)),
            (Timing::Operations, None) => {
                fault.from = Some(start);
                fault.times = Some(At::from(self.times));
            }
            (Timing::Status, None) => fault.after = Some(At::from(ms(self.at_ms % 900))),
        }
        for key in row.needs {
            match *key {
                "restart" => fault.restart = Some(length.clone()),
                "for" => fault.lasting = Some(length.clone()),
                // A connection that takes longer than any patience is a cut.
                "by" if row.timing == Timing::Window => {
                    fault.by = Some(At::from(ms(5 + self.length_ms % 900)));
                }
                "by" => fault.by = Some(length.clone()),
                _ => {}
            }
        }
        match (row.target, &self.narrow) {
            (TargetForm::Call, Some(narrow)) => {
                let (from, to) = target.split_once(" -> ")?;
                let operation = *narrow.get(&topology::operations(from, to));
                fault.of = Some(At::from(operation.to_owned()));
            }
            (_, Some(_)) if own == Some(PeopleKind::CloseAccount) => {
                *fault.own_mut(REOPEN) = Some(length);
            }
            _ => {}
        }
        Some(fault)
    }

    /// A moment and the service that passes it, for processes: they end at any moment.
    fn moment(&self, row: &FaultRow) -> Option<(&'static str, Moment)> {
        let (place, side, _) = self.moment.as_ref().filter(|_| row.timing == Timing::Once)?;
        let points: Vec<_> = topology::of_shop().often().collect();
        let place = *place.get(&points);
        let name = self.target.get(&place.names).as_str();
        let sides: Vec<_> = row.aims.iter().filter(|(_, act)| *act == place.act).collect();
        let (side, act) = **side.get(&sides);
        Some((place.service.as_str(), Moment::new(side, act, name)))
    }

    fn aim(&self, row: &FaultRow, document: &Document) -> Option<String> {
        let pick = |names: &[String]| (!names.is_empty()).then(|| self.target.get(names).clone());
        let customers = document.customers.len();
        let pairs = || {
            let pairs = match row.target {
                TargetForm::Connection => topology::connections(),
                _ => topology::pairs(),
            };
            let pairs = pairs.into_iter().filter(|pair| !pair.starts_with(topology::STAFF));
            let named = |pair: String| match pair.strip_prefix(topology::CUSTOMERS) {
                Some(rest) => {
                    (1..=customers).map(|it| format!("{}{rest}", topology::customer(it))).collect()
                }
                None => vec![pair],
            };
            pairs.flat_map(named).collect::<Vec<_>>()
        };
        match row.target {
            TargetForm::Node => {
                let replicas = document.world.replicas.iter();
                let replicas = replicas.map(|(name, count)| (name.clone(), count.value)).collect();
                pick(&topology::nodes(&replicas))
            }
            TargetForm::Way if self.narrow.is_some() => Some(pick(&pairs())?.replace("->", "<->")),
            TargetForm::Way | TargetForm::Pair | TargetForm::Connection => pick(&pairs()),
            TargetForm::Call => {
                let asks = |pair: &String| {
                    let ends = pair.split_once(" -> ");
                    ends.is_some_and(|(from, to)| !topology::operations(from, to).is_empty())
                };
                pick(&pairs().into_iter().filter(asks).collect::<Vec<_>>())
            }
            TargetForm::Queue => Some((*self.target.get(&topology::queues())).to_owned()),
            TargetForm::Database => pick(&topology::databases()),
            // A parcel can only be found that is lost.
            TargetForm::Own(_) if row.key == PeopleKind::FindParcel.key() => {
                let faults = document.faults.iter();
                let lost =
                    faults.filter_map(|fault| fault.value.target_of(PeopleKind::LoseParcel.row()));
                pick(&lost.map(|order| order.value.clone()).collect::<Vec<_>>())
            }
            TargetForm::Own(BANK) => Some(BANK.to_owned()),
            // A price changes once.
            TargetForm::Own(PRODUCT) if row.key == PeopleKind::ChangePrice.key() => {
                let change = PeopleKind::ChangePrice.row();
                let faults = document.faults.iter();
                let changed: Vec<_> =
                    faults.filter_map(|fault| fault.value.target_of(change)).collect();
                let skus = document.world.stock.iter().map(|row| &row.sku.value);
                let left = skus.filter(|sku| !changed.iter().any(|it| it.value == **sku));
                pick(&left.cloned().collect::<Vec<_>>())
            }
            TargetForm::Own(PRODUCT) => {
                let skus = document.world.stock.iter().map(|row| row.sku.value.clone());
                pick(&skus.collect::<Vec<_>>())
            }
            TargetForm::Own(_) => {
                let names = document.customers.iter().enumerate().flat_map(|(number, customer)| {
                    let steps = customer.script.iter();
                    let orders = steps.filter(|step| step.value.order.is_some()).count();
                    (1..=orders)
                        .map(move |order| format!("{}/{order}", topology::customer(number + 1)))
                });
                pick(&names.collect::<Vec<_>>())
            }
        }
    }
}

fn ms(milliseconds: u64) -> Length {
    Length::milliseconds(milliseconds)
}
