//! A plainer world: less stock, fewer replicas, clocks that are right, a carrier as usual.

use std::ops::Range;

use super::retarget::retarget;
use stormproof_explore::passes::numbers::{fewer, shorter};
use stormproof_shop::scenario::tables::{CarrierTable, Document, WorldTable};
use stormproof_shop::scenario::units::{At, Length, Offset};
use stormproof_shop::topology;

pub(super) fn stock(document: &Document) -> usize {
    document.world.stock.len()
}

pub(super) fn without_stock(document: &Document, range: Range<usize>) -> Document {
    let mut document = document.clone();
    document.world.stock.drain(range);
    document
}

/// What a world can do without, key after key.
enum Trim {
    Clock(String),
    Replicas(String),
    Product(usize),
    Carrier,
    Retention,
    Storm,
    Expect,
}

fn trimmings(document: &Document) -> Vec<Trim> {
    let world = &document.world;
    let clocks = world.clocks.keys().cloned().map(Trim::Clock);
    let replicas = world.replicas.keys().cloned().map(Trim::Replicas);
    let products = (0..world.products.len()).map(Trim::Product);
    let carrier = (world.carrier != CarrierTable::default()).then_some(Trim::Carrier);
    let storm = world.storm.map(|_| Trim::Storm);
    let retention = world.retention.map(|_| Trim::Retention);
    let expect = document.expect.as_ref().map(|_| Trim::Expect);
    let place = clocks.chain(replicas).chain(products).chain(carrier);
    place.chain(retention).chain(storm).chain(expect).collect()
}

pub(super) fn trims(document: &Document) -> usize {
    trimmings(document).len()
}

pub(super) fn without_trims(document: &Document, range: Range<usize>) -> Document {
    let mut smaller = document.clone();
    // From the end, so that places stay what they were.
    for trim in trimmings(document).drain(range).rev() {
        let world = &mut smaller.world;
        match trim {
            Trim::Clock(node) => {
                world.clocks.remove(&node);
            }
            Trim::Replicas(service) => {
                world.replicas.remove(&service);
                only(&mut smaller, &service, 1);
            }
            Trim::Product(place) => {
                world.products.remove(place);
            }
            Trim::Carrier => world.carrier = CarrierTable::default(),
            Trim::Retention => world.retention = None,
            Trim::Storm => world.storm = None,
            Trim::Expect => smaller.expect = None,
        }
    }
    smaller
}

/// Faults that were aimed at a replica that is no more are aimed at the first.
fn only(document: &mut Document, service: &str, count: usize) {
    retarget(document, |name| {
        let number = name.strip_prefix(service).and_then(|rest| rest.strip_prefix('-'));
        match number.and_then(|number| number.parse::<usize>().ok()) {
            Some(number) if number > count => Some(format!("{service}-1")),
            _ => Some(name.to_owned()),
        }
    });
    document.world.clocks.retain(|node, _| {
        let number = node.rsplit_once('-').and_then(|(_, number)| number.parse::<usize>().ok());
        topology::service_of(node) != service || number.is_none_or(|number| number <= count)
    });
}

/// Numbers and lengths of the world in simpler forms.
pub(super) fn forms(document: &Document) -> Vec<Document> {
    let world = &document.world;
    let mut forms = Vec::new();
    for (service, count) in &world.replicas {
        for fewer in fewer(i64::from(count.value), 1) {
            let fewer = u32::try_from(fewer).expect("less than it was");
            let mut form = document.clone();
            form.world.replicas.insert(service.clone(), At::from(fewer));
            only(&mut form, service, usize::try_from(fewer).expect("a handful"));
            forms.push(form);
        }
    }
    let mut form = |change: &dyn Fn(&mut WorldTable)| {
        let mut form = document.clone();
        change(&mut form.world);
        forms.push(form);
    };
    for (place, row) in world.stock.iter().enumerate() {
        for fewer in fewer(row.units.value, 1) {
            form(&|world| world.stock[place].units = At::from(fewer));
        }
    }
    for (node, offset) in &world.clocks {
        for length in shorter(offset.value.length) {
            let offset = At::from(Offset { length, ..offset.value });
            form(&|world| {
                world.clocks.insert(node.clone(), offset.clone());
            });
        }
    }
    let mut carrier = world.carrier.clone();
    for key in LENGTHS {
        if let Some(length) = *key(&mut carrier) {
            form(&|world| *key(&mut world.carrier) = None);
            for shorter in shorter(length) {
                form(&|world| *key(&mut world.carrier) = Some(shorter));
            }
        }
    }
    for key in CHANCES {
        if key(&mut carrier).is_some() {
            form(&|world| *key(&mut world.carrier) = None);
        }
    }
    forms
}

type Key<T> = fn(&mut CarrierTable) -> &mut Option<T>;

const LENGTHS: [Key<Length>; 4] = [
    |carrier| &mut carrier.pick_up,
    |carrier| &mut carrier.depart,
    |carrier| &mut carrier.deliver,
    |carrier| &mut carrier.found,
];

const CHANCES: [Key<At<u64>>; 2] =
    [|carrier| &mut carrier.lost_per_mille, |carrier| &mut carrier.found_per_mille];
