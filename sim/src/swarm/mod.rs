//! Storms drawn from a seed: a scenario that nobody wrote.
//!
//! Who buys what, and how the world is: all as data, from streams of their own. The faults are drawn
//! by `stormproof-explore`, but for what only the shop knows of its people (`people.rs`). What is drawn
//! is a [`Document`], as a file would hold it: it can be printed, shrunk and run again.

mod people;
mod wares;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use stormproof_system::messages::DELIVERY_UPDATES;

use people::{People, finds_after_losses, one_change_a_price};
pub use stormproof_explore::Profile;
use stormproof_explore::swarm::Storm;
use stormproof_faults::FaultKind;
use stormproof_shop::scenario::tables::{
    Card, CarrierTable, CustomerTable, Document, FaultTable, StepTable, StockTable, WorldTable,
};
use stormproof_shop::scenario::units::{At, Length, Offset};
use stormproof_shop::scenario::{Scenario, Which};
use stormproof_shop::topology;
use stormproof_world::seed::{Seed, Stream};

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
    wares::draw(&mut streams.stream("swarm wares"), &mut document);
    hurry(&mut streams.stream("swarm hurry"), &mut document);
    another_day(&mut streams.stream("swarm another day"), &mut document);
    let replicas = document.world.replicas.iter();
    let replicas = replicas.map(|(name, count)| (name.clone(), count.value)).collect();
    let storm = Storm {
        topology: &topology::of_size(&replicas, document.customers.len()),
        length_ms: STORM_MS,
        begin_within_ms: SHOPPING_MS + 5_000,
        own: &People { document: &document },
    };
    let faults = storm.faults(streams, profile);
    document.faults.extend(faults.into_iter().map(At::from));
    slow_news(&mut streams.stream("swarm slow news"), &mut document);
    doubtful_stock(&mut streams.stream("swarm doubtful stock"), &mut document);
    pages(&mut streams.stream("swarm pages"), &mut document);
    repeats(&mut streams.stream("swarm repeats"), &mut document);
    finds_after_losses(&mut document);
    one_change_a_price(&mut document);
    short_memory(&mut streams.stream("swarm short memory"), &mut document);
    document
}

/// In one storm of seven the carrier is quick, often loses parcels, and its word takes long, until
/// it is suddenly on time: the loss is heard of first, or only in answer to a cancel.
fn slow_news(stream: &mut Stream, document: &mut Document) {
    let mut fault = FaultTable::aimed(FaultKind::MessageLate.row(), DELIVERY_UPDATES);
    fault.from = Some(At::from(ms(0)));
    fault.until = Some(At::from(ms(STORM_MS)));
    fault.times = Some(At::from(stream.random_range(10..60)));
    fault.by = Some(At::from(ms(stream.random_range(8_000..20_000))));
    if stream.random_bool(1.0 / 7.0) {
        let carrier = &mut document.world.carrier;
        carrier.pick_up = Some(ms(stream.random_range(200..900)));
        carrier.depart = Some(ms(300));
        carrier.deliver = Some(ms(500));
        carrier.lost_per_mille = Some(At::from(500));
        document.faults.push(At::from(fault));
    }
}

/// In one storm of sixteen the Warehouse's word on what it holds is often lost, or its request comes
/// late, and people give up meanwhile: what is released may be held, or may yet be.
fn doubtful_stock(stream: &mut Stream, document: &mut Document) {
    let is_lost = stream.random_bool(0.5);
    let kind = if is_lost { FaultKind::ReplyLost } else { FaultKind::RequestLate };
    // Later than the Store waits for an answer, which is five seconds.
    let by = ms(stream.random_range(5_500..12_000));
    let mut fault = FaultTable::aimed(kind.row(), "store -> warehouse");
    fault.of = Some(At::from(topology::RESERVE.to_owned()));
    fault.from = Some(At::from(ms(0)));
    fault.until = Some(At::from(ms(STORM_MS)));
    fault.times = Some(At::from(stream.random_range(4..16)));
    fault.by = (!is_lost).then(|| At::from(by));
    let doubtful = stream.random_bool(1.0 / 16.0);
    for customer in &mut document.customers {
        let steps = std::mem::take(&mut customer.script);
        for step in steps {
            let (gives_up, after) = (stream.random_bool(0.4), stream.random_range(50..4_500));
            let ordered = step.value.order.is_some();
            customer.script.push(step);
            if doubtful && ordered && gives_up {
                let cancel = Some(At::from(Which::Last));
                let cancel = StepTable { after: Some(ms(after)), cancel, ..StepTable::default() };
                customer.script.push(At::from(cancel));
            }
        }
    }
    if doubtful {
        document.faults.push(At::from(fault));
    }
}

/// People have little patience: some order again at once, so that two of their debits meet at the
/// Bank, and some cancel while they wait for a payment, whatever may hold it up.
fn hurry(stream: &mut Stream, document: &mut Document) {
    for customer in &mut document.customers {
        let mut follows_order = false;
        for step in &mut customer.script {
            let step = &mut step.value;
            let (again, wait) = (stream.random_bool(0.2), stream.random_range(300..6_000));
            if follows_order && step.order.is_some() && again {
                step.after = Some(ms(wait % 40));
            }
            let waits_in_vain = step.wait_until.as_ref().is_none_or(|it| it.value == STATUSES[0]);
            if step.cancel.is_some() && waits_in_vain && stream.random_bool(0.4) {
                step.after = Some(ms(wait));
            }
            follows_order = step.order.is_some();
        }
    }
}

/// In one storm of sixty somebody orders once more the next day: what is done every hour has its
/// turn, and what expires has expired. With one Store, for each looks for work every two seconds,
/// and a day is long. Before faults are drawn, for they are aimed at nodes.
fn another_day(stream: &mut Stream, document: &mut Document) {
    let hours = stream.random_range(25..30);
    let skus: Vec<String> = document.world.stock.iter().map(|row| row.sku.value.clone()).collect();
    let order = StepTable { after: Some(Length::seconds(hours * 3600)), ..order(stream, &skus, 1) };
    if stream.random_bool(1.0 / 60.0) {
        document.customers[0].script.push(At::from(order));
        document.world.replicas.insert("store".to_owned(), At::from(1));
        document.world.storm = Some(Length::seconds((hours + 1) * 3600));
    }
}

/// In one storm of sixteen services forget within seconds what they are done with, while messages wait for a
/// broker that is away, or come again; in every other of another day, within the hour.
fn short_memory(stream: &mut Stream, document: &mut Document) {
    let seconds = *[5, 10, 20, 60].choose(stream).expect("there are four");
    let minutes = stream.random_range(20..60);
    let chance = stream.random::<f64>();
    let is_long = document.world.storm.is_some_and(|storm| storm.0 > Duration::from_secs(3600));
    document.world.retention = match is_long {
        true => (chance < 0.5).then(|| Length::seconds(60 * minutes)),
        false => (chance < 1.0 / 16.0).then(|| Length::seconds(seconds)),
    };
}

/// In one storm of three a page holds so little that lists have several, and people read more of them.
fn pages(stream: &mut Stream, document: &mut Document) {
    let rows = *[2, 3, 7].choose(stream).expect("there are lengths");
    let small = stream.random_bool(1.0 / 3.0);
    document.world.page = small.then(|| At::from(rows));
    for customer in &mut document.customers {
        for step in std::mem::take(&mut customer.script) {
            let (reads, after) = (stream.random_bool(0.3), ms(stream.random_range(10..900)));
            let ordered = step.value.order.is_some();
            customer.script.push(step);
            if small && ordered && reads {
                let look = StepTable { after: Some(after), poll: true, ..StepTable::default() };
                customer.script.push(At::from(look));
            }
        }
    }
}

/// In one storm of five people ask again, in other words; in half of those keys are kept so shortly that
/// some are forgotten by then.
fn repeats(stream: &mut Stream, document: &mut Document) {
    let (repeats, shortly) = (stream.random_bool(0.2), stream.random_bool(0.5));
    let kept = ms(stream.random_range(10_000..40_000));
    document.world.keys_kept = (repeats && shortly).then(|| At::from(kept));
    for customer in &mut document.customers {
        let plain = |step: &StepTable| step.order.is_some() && step.gone.is_none();
        for step in customer.script.iter_mut().filter(|step| plain(&step.value)) {
            let (again, after) = (stream.random_bool(0.1), stream.random_range(100..50_000));
            step.value.again = (repeats && again).then(|| ms(after));
        }
    }
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
        let services = topology::databases();
        let database = services.choose(stream).expect("there are services");
        let offset = Offset { behind: stream.random(), length: ms(stream.random_range(50..4000)) };
        clocks.insert(topology::service_of_database(database).to_owned(), At::from(offset));
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
    // Parcels are picked up two seconds after their request: some cancels come just then.
    let close = stream.random_bool(0.4);
    let after = match close {
        true => stream.random_range(1_800..2_100),
        false => stream.random_range(0..400),
    };
    let after = Some(ms(after));
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

#[cfg(test)]
mod tests {
    use super::*;
    use stormproof_shop::scenario::fault_rows;

    #[test]
    fn every_seed_draws_a_scenario_that_can_run() {
        for seed in 0..300 {
            for profile in [Profile::Swarm, Profile::Uniform, Profile::Priority] {
                let scenario = draw(seed, profile);
                let orders = scenario.customers.iter().map(|customer| {
                    let script = customer.script.iter();
                    script
                        .filter(|step| {
                            matches!(step.action, stormproof_shop::scenario::Action::Order(_))
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
            let kinds = document.faults.iter().flat_map(|fault| &fault.value.kinds);
            kinds.map(|(row, _)| row.key).collect::<std::collections::BTreeSet<_>>().len()
        };
        let counts: Vec<usize> = (0..100).map(kinds).collect();
        assert!(counts.iter().all(|count| *count < fault_rows().len()));
        assert!(counts.iter().any(|count| *count >= 10) && counts.iter().any(|count| *count <= 5));
    }
}
