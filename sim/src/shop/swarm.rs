//! Storms drawn from a seed: a scenario that nobody wrote.
//!
//! The swarm first switches whole kinds of fault off, then draws how many of the rest, where and
//! when: all as data, with absolute times or named moments. Every kind draws from a stream of its
//! own, so that taking one fault away moves no other. What is drawn is a [`Document`], as a file
//! would hold it: it can be printed, shrunk and run again.

use std::collections::BTreeMap;

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use crate::shop::map;
use crate::shop::moments::MOMENTS;
use crate::shop::scenario::tables::{
    Card, CarrierTable, CustomerTable, Document, FaultTable, StepTable, StockTable, WorldTable,
};
use crate::shop::scenario::units::{At, Length, Offset};
use crate::shop::scenario::{SHAPES, Scenario, Shape, Target, Timing, Which};
use crate::world::moment::Moment;
use crate::world::seed::{Seed, Stream};

/// How a storm is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Switches whole kinds of fault off, then draws rates for the rest.
    Swarm,
    /// Every kind at the same moderate rate, at absolute times only.
    Uniform,
}

/// The storm's length; faults begin within it.
const STORM_MS: u64 = 40_000;
/// Orders are placed within this time, about.
const SHOPPING_MS: u64 = 25_000;
/// At least so many orders in each storm.
const ORDERS_MIN: usize = 20;
const SKUS: [&str; 4] = ["teapot", "mug", "spoon", "samovar"];
const WAREHOUSES: [&str; 3] = ["sydney", "perth", "hobart"];
const STATUSES: [&str; 5] = ["PENDING_PAYMENT", "PAID", "RECEIVED", "PICKED_UP", "IN_TRANSIT"];

/// The storm of `seed`.
pub fn draw(seed: u64, profile: Profile) -> Scenario {
    let document = document(seed, profile);
    Scenario::from_document("storm", document)
        .unwrap_or_else(|mistake| panic!("the swarm drew a scenario that cannot run: {mistake}"))
}

/// The storm of `seed`, as a file would hold it.
pub fn document(seed: u64, profile: Profile) -> Document {
    let streams = Seed(seed);
    let mut world = world(&mut streams.stream("swarm world"));
    let customers = customers(&mut streams.stream("swarm customers"), &mut world);
    let mut document = Document {
        about: format!("The storm of seed {seed}: drawn, not written."),
        seed,
        world,
        customers,
        ..Document::default()
    };
    let mut switches = streams.stream("swarm switches");
    for shape in &SHAPES {
        // Drawn for every kind and profile alike, so that one switch moves no other.
        let on = switches.random_bool(0.35);
        let mut stream = streams.stream(&format!("swarm fault {}", shape.key));
        let count = match profile {
            Profile::Swarm if on => stream.random_range(1..=3),
            Profile::Swarm => 0,
            Profile::Uniform => usize::from(stream.random_bool(0.4)),
        };
        for _ in 0..count {
            let fault = Draw { stream: &mut stream, document: &document, profile }.fault(shape);
            document.faults.extend(fault.map(At::from));
        }
    }
    finds_after_losses(&mut document);
    document
}

fn ms(milliseconds: u64) -> Length {
    Length::milliseconds(milliseconds)
}

fn world(stream: &mut Stream) -> WorldTable {
    let mut replicas = BTreeMap::from([("store".to_owned(), At::from(stream.random_range(1..=3)))]);
    if stream.random_bool(0.3) {
        let others = ["warehouse", "bank", "delivery", "email"];
        let service = others.choose(stream).expect("there are four");
        replicas.insert((*service).to_owned(), At::from(2));
    }
    let mut stock = Vec::new();
    for (place, sku) in SKUS.iter().enumerate() {
        let warehouses = stream.random_range(1..=WAREHOUSES.len());
        for warehouse in &WAREHOUSES[..warehouses] {
            // The first product is scarce: everybody's rival is everybody.
            let units =
                if place == 0 { stream.random_range(1..=4) } else { stream.random_range(8..=40) };
            stock.push(StockTable {
                sku: At::from((*sku).to_owned()),
                warehouse: At::from((*warehouse).to_owned()),
                units: At::from(units),
            });
        }
    }
    let carrier = CarrierTable {
        lost_per_mille: Some(At::from(*[0, 0, 100, 300].choose(stream).expect("four"))),
        found_per_mille: Some(At::from(*[0, 500].choose(stream).expect("two"))),
        ..CarrierTable::default()
    };
    let mut clocks = BTreeMap::new();
    if stream.random_bool(0.15) {
        let services = map::databases();
        let database = services.choose(stream).expect("there are services");
        let offset = Offset { behind: stream.random(), length: ms(stream.random_range(50..4000)) };
        clocks.insert(map::service_of_database(database).to_owned(), At::from(offset));
    }
    WorldTable {
        replicas,
        stock,
        carrier,
        clocks,
        storm: Some(ms(STORM_MS + 20_000)),
        ..WorldTable::default()
    }
}

fn customers(stream: &mut Stream, world: &mut WorldTable) -> Vec<CustomerTable> {
    let count = stream.random_range(4..=7);
    let orders_each = ORDERS_MIN.div_ceil(count) + stream.random_range(0..=1);
    // Nobody's orders are so sparse that the shop is idle, nor so dense that all come at once.
    let pause_ms = SHOPPING_MS / u64::try_from(orders_each).expect("a handful");
    let skus: Vec<String> = world.stock.iter().map(|row| row.sku.value.clone()).collect();
    (0..count)
        .map(|_| {
            let card = if stream.random_bool(0.07) { Card::Declined } else { Card::Ok };
            let poor = stream.random_bool(0.1);
            let balance = if poor { stream.random_range(10_00..60_00) } else { 2000_00 };
            let mut script = Vec::new();
            for _ in 0..orders_each {
                script.push(At::from(order(stream, &skus, pause_ms)));
                script.extend(afterwards(stream).map(At::from));
            }
            CustomerTable { balance: Some(At::from(balance)), card, script }
        })
        .collect()
}

fn order(stream: &mut Stream, skus: &[String], pause_ms: u64) -> StepTable {
    let mut lines = BTreeMap::new();
    for _ in 0..stream.random_range(1..=2) {
        let sku = skus.choose(stream).expect("there is stock").clone();
        lines.insert(sku, At::from(stream.random_range(1..=2)));
    }
    let odd = stream.random_range(0..100);
    StepTable {
        after: Some(ms(stream.random_range(0..2 * pause_ms))),
        order: Some(lines),
        double_submit: odd < 8,
        same_key_other_body: (8..13).contains(&odd),
        gone: (13..21).contains(&odd).then(|| ms(stream.random_range(1..60))),
        back: (13..18).contains(&odd).then(|| ms(stream.random_range(100..8000))),
        ..StepTable::default()
    }
}

/// What a customer does after an order: mostly nothing, sometimes a cancel or a look. A buyer who
/// is gone for good has no order to point at, which the script's runner knows.
fn afterwards(stream: &mut Stream) -> Option<StepTable> {
    let what = stream.random_range(0..100);
    let status = *STATUSES.choose(stream).expect("there are statuses");
    let wait_until = stream.random_bool(0.7).then(|| At::from(status.to_owned()));
    let after = Some(ms(stream.random_range(0..400)));
    match what {
        0..30 => Some(StepTable {
            wait_until,
            after,
            cancel: Some(At::from(Which::Last)),
            ..StepTable::default()
        }),
        30..38 => Some(StepTable { wait_until, after, poll: true, ..StepTable::default() }),
        _ => None,
    }
}

/// Draws one fault of a kind.
struct Draw<'a> {
    stream: &'a mut Stream,
    document: &'a Document,
    profile: Profile,
}

impl Draw<'_> {
    /// `None`: this world has nothing that such a fault could be aimed at.
    fn fault(&mut self, shape: &Shape) -> Option<FaultTable> {
        let by_moment = self.profile == Profile::Swarm
            && shape.timing == Timing::Once
            && self.stream.random_bool(0.5);
        let (target, moment) =
            if by_moment { self.moment(shape) } else { (self.target(shape)?, None) };
        let mut fault = FaultTable::aimed(shape.key, target)?;
        let start = self.stream.random_range(0..SHOPPING_MS + 5_000);
        let length = self.length(shape.key);
        let (nth, times) = (self.stream.random_range(1..=8), self.stream.random_range(1..=3));
        match (shape.timing, moment) {
            (_, Some(moment)) => {
                fault.when = Some(At::from(moment.to_string()));
                fault.nth = Some(At::from(nth));
            }
            (Timing::Once | Timing::Time, None) => fault.at = Some(At::from(ms(start))),
            (Timing::Window, None) => {
                fault.from = Some(At::from(ms(start)));
                fault.until = Some(At::from(ms(start + length)));
            }
            (Timing::Operations, None) => {
                fault.from = Some(At::from(ms(start)));
                fault.until = Some(At::from(ms(STORM_MS)));
                fault.times = Some(At::from(times));
            }
            (Timing::Status, None) => fault.after = Some(At::from(ms(start % 900))),
        }
        let length = At::from(ms(length));
        for key in shape.needs {
            match *key {
                "restart" => fault.restart = Some(length.clone()),
                "for" => fault.lasting = Some(length.clone()),
                "by" => fault.by = Some(At::from(self.delay(shape.key))),
                _ => {}
            }
        }
        self.details(shape, &mut fault);
        Some(fault)
    }

    /// How long it lasts, in milliseconds. Leases last 20 seconds: some pauses outlast them.
    fn length(&mut self, key: &str) -> u64 {
        match key {
            "pause" if self.stream.random_bool(0.4) => self.stream.random_range(20_500..32_000),
            "pause" => self.stream.random_range(100..8_000),
            "bank_closed" => self.stream.random_range(5_000..90_000),
            "slow" | "slow_link" => self.stream.random_range(1_000..20_000),
            _ => self.stream.random_range(200..12_000),
        }
    }

    fn delay(&mut self, key: &str) -> Length {
        ms(match key {
            "slow" | "slow_link" => self.stream.random_range(5..900),
            "message_late" => self.stream.random_range(100..30_000),
            _ => self.stream.random_range(50..12_000),
        })
    }

    fn target(&mut self, shape: &Shape) -> Option<String> {
        let text =
            |list: &[&str], stream: &mut Stream| list.choose(stream).map(|it| (*it).to_owned());
        match shape.target {
            Target::Node => self.node(),
            Target::Link | Target::Connection => {
                let pair = map::pairs().into_iter().filter(|pair| !pair.contains(map::STAFF));
                let pair = pair.collect::<Vec<_>>().choose(self.stream)?.clone();
                let pair = self.with_customer(pair);
                let both = shape.key == "cut" && self.stream.random_bool(0.5);
                let backward = shape.key == "cut" && self.stream.random_bool(0.5);
                let (from, to) = pair.split_once(" -> ")?;
                Some(match (both, backward) {
                    (true, _) => format!("{from} <-> {to}"),
                    (false, true) => format!("{to} -> {from}"),
                    (false, false) => pair.clone(),
                })
            }
            Target::Call => {
                let pairs = [
                    "customer -> store",
                    "store -> warehouse",
                    "store -> warehouse",
                    "store -> bank",
                    "store -> bank",
                ];
                let pair = text(&pairs, self.stream)?;
                Some(self.with_customer(pair))
            }
            Target::Queue => text(&map::queues(), self.stream),
            Target::Database => map::databases().choose(self.stream).cloned(),
            Target::Order => {
                let customer = self.stream.random_range(0..self.document.customers.len());
                let script = &self.document.customers[customer].script;
                let orders = script.iter().filter(|step| step.value.order.is_some()).count();
                let order = self.stream.random_range(0..orders);
                Some(format!("{}/{}", map::customer(customer + 1), order + 1))
            }
            Target::Bank => Some("bank".to_owned()),
        }
    }

    /// One customer for all of them.
    fn with_customer(&mut self, pair: String) -> String {
        let number = self.stream.random_range(1..=self.document.customers.len());
        match pair.strip_prefix(map::CUSTOMERS) {
            Some(rest) => format!("{}{rest}", map::customer(number)),
            None => pair,
        }
    }

    fn node(&mut self) -> Option<String> {
        let replicas = &self.document.world.replicas;
        let replicas = replicas.iter().map(|(name, count)| (name.clone(), count.value)).collect();
        // The Store has most to lose; a third of the faults are its own.
        let nodes: Vec<_> = match self.stream.random_bool(0.34) {
            true => {
                let nodes = map::nodes(&replicas).into_iter();
                nodes.filter(|node| map::service_of(node) == "store").collect()
            }
            false => map::nodes(&replicas),
        };
        nodes.choose(self.stream).cloned()
    }

    /// A moment, and the service that passes it.
    fn moment(&mut self, shape: &Shape) -> (String, Option<Moment>) {
        let row = MOMENTS.choose(self.stream).expect("there are moments");
        let name = row.names.choose(self.stream).expect("a row has names");
        let sides: Vec<_> = shape.aims().iter().filter(|(_, act)| *act == row.act).collect();
        let (side, act) = **sides.choose(self.stream).expect("processes end at any moment");
        (row.service.to_owned(), Some(Moment::new(side, act, *name)))
    }

    /// What only some kinds are told.
    fn details(&mut self, shape: &Shape, fault: &mut FaultTable) {
        let half = self.stream.random_bool(0.5);
        let later = ms(self.stream.random_range(1_000..60_000));
        let status = *STATUSES[1..].choose(self.stream).expect("there are statuses");
        match shape.target {
            Target::Call if half => {
                let target = fault.kinds().into_iter().find_map(|(_, target)| target);
                let ends = target.and_then(|target| target.value.split_once(" -> "));
                let operations = ends.map(|(from, to)| map::operations(from, to));
                let operation = operations.and_then(|all| all.choose(self.stream).copied());
                fault.of = operation.map(|operation| At::from(operation.to_owned()));
            }
            Target::Order if shape.key == "close_account" => {
                fault.when = Some(At::from(status.to_owned()));
                fault.reopen = half.then(|| At::from(later));
            }
            Target::Order if shape.key == "lose_parcel" && half => {
                fault.when = Some(At::from("IN_TRANSIT".to_owned()));
            }
            _ => {}
        }
    }
}

/// A parcel can only be found that is lost: finds are aimed at what was drawn to be lost.
fn finds_after_losses(document: &mut Document) {
    let lost: Vec<_> =
        document.faults.iter().filter_map(|fault| fault.value.lose_parcel.clone()).collect();
    let mut next = lost.into_iter();
    document.faults.retain_mut(|fault| match &mut fault.value.find_parcel {
        None => true,
        Some(order) => match next.next() {
            Some(lost) => {
                *order = lost;
                true
            }
            None => false,
        },
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_draws_a_scenario_that_can_run() {
        for seed in 0..300 {
            for profile in [Profile::Swarm, Profile::Uniform] {
                let scenario = draw(seed, profile);
                let orders = scenario.customers.iter().map(|customer| {
                    let script = customer.script.iter();
                    script
                        .filter(|step| {
                            matches!(step.action, crate::shop::scenario::Action::Order(_))
                        })
                        .count()
                });
                assert!(orders.sum::<usize>() >= ORDERS_MIN, "seed {seed}");
                let again = Scenario::parse("storm.toml", &scenario.to_toml());
                let again = again.unwrap_or_else(|mistake| panic!("seed {seed}: {mistake}"));
                assert_eq!(again.document, scenario.document, "seed {seed}");
            }
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_storm() {
        assert_eq!(document(48213, Profile::Swarm), document(48213, Profile::Swarm));
        assert_ne!(document(48213, Profile::Swarm), document(48214, Profile::Swarm));
    }

    #[test]
    fn swarms_switch_whole_kinds_off() {
        let kinds = |seed| {
            let document = document(seed, Profile::Swarm);
            let kinds = document.faults.iter().flat_map(|fault| {
                let kinds = fault.value.kinds().into_iter();
                kinds.filter_map(|(key, target)| target.map(|_| key)).collect::<Vec<_>>()
            });
            kinds.collect::<std::collections::BTreeSet<_>>().len()
        };
        let counts: Vec<usize> = (0..100).map(kinds).collect();
        assert!(counts.iter().all(|count| *count < SHAPES.len()));
        assert!(counts.iter().any(|count| *count >= 10) && counts.iter().any(|count| *count <= 5));
    }
}
