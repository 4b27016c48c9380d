//! From a written scenario to one that can run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stormproof_system::id;
use stormproof_system::store::order::OrderStatus;

use super::mistake::{Mistake, Source, one_of};
use super::people::{self, parse_status};
use super::script::{customer, orders_in};
use super::tables::{Document, ExpectTable, WorldTable};
use super::units::{At, Length, OrderName};
use super::*;
use crate::topology;
use stormproof_faults::size;
use stormproof_faults::table::{Checked, Checker};

/// A product costs this unless the scenario says otherwise.
const PRICE: i64 = 10_00;
/// The storm's length if no fault asks for more.
const STORM: Duration = Duration::from_secs(60);

/// A key that is forgotten sooner is looked for all the time.
const KEYS_KEPT_MIN: Duration = Duration::from_secs(1);

/// Checks everything that a table's own shape cannot.
pub fn scenario(source: Source<'_>, name: &str, document: Document) -> Result<Scenario, Mistake> {
    if document.about.trim().is_empty() {
        return Err(Mistake::of(source.file, "`about` is empty: expected a sentence"));
    }
    let mut world = world(source, &document.world)?;
    let customers = document
        .customers
        .iter()
        .map(|table| customer(source, &world.products, table))
        .collect::<Result<Vec<_>, _>>()?;
    let has_order = |name: OrderName| {
        let customer = customers.get(name.customer - 1);
        customer.is_some_and(|customer| orders_in(&customer.script) >= name.order)
    };
    let size = topology::of_size(&world.replicas, customers.len());
    let mut faults = Vec::new();
    let mut people = Vec::new();
    let mut lines = Lines::default();
    let mut places = Places::default();
    for (place, table) in document.faults.iter().enumerate() {
        let (line, _) = source.line(&table.place);
        let checker = Checker { source, table, topology: &size };
        match checker.check()? {
            Checked::Generic(fault) => {
                faults.push(fault);
                lines.faults.push(line);
                places.faults.push(place);
            }
            Checked::Own(row, target) => {
                people.push(people::check(&checker, row, target, &world, has_order)?);
                lines.people.push(line);
                places.people.push(place);
            }
        }
    }
    if source.text.is_empty() {
        lines = Lines::default();
    }
    finds_follow_losses(source, &document, &people)?;
    prices_change_once(source, &document)?;
    let expect = document.expect.as_ref().map(|table| expect(source, table)).transpose()?;
    if document.world.storm.is_none() {
        let closings = people.iter().filter_map(|fault| match fault {
            PeopleFault::BankClosed { at, length } => Some(*at + *length),
            _ => None,
        });
        let ends = faults.iter().map(Fault::end).chain(closings);
        world.storm = ends.max().unwrap_or_default().max(STORM);
    }
    Ok(Scenario {
        name: name.to_owned(),
        about: document.about.clone(),
        seed: document.seed,
        world,
        customers,
        faults,
        people,
        lines,
        places,
        expect,
        document,
    })
}

fn world(source: Source<'_>, table: &WorldTable) -> Result<WorldSpec, Mistake> {
    let replicas = size::replicas(source, topology::of_shop(), &table.replicas)?;
    let mut stock = Vec::new();
    let mut products = BTreeMap::new();
    let mut places = BTreeSet::new();
    for row in &table.stock {
        identifier(source, "sku", &row.sku)?;
        identifier(source, "warehouse", &row.warehouse)?;
        source.in_range("units", &row.units, 1, 1_000_000)?;
        if !places.insert((&row.sku.value, &row.warehouse.value)) {
            let what = format!("{} in {} is there twice", row.sku.value, row.warehouse.value);
            return Err(source.mistake(&row.sku.place, what));
        }
        products.insert(row.sku.value.clone(), PRICE);
        stock.push(Stock {
            sku: row.sku.value.clone(),
            warehouse: row.warehouse.value.clone(),
            units: row.units.value,
        });
    }
    for product in &table.products {
        identifier(source, "sku", &product.sku)?;
        source.in_range("price", &product.price, 1, 1_000_000_00)?;
        products.insert(product.sku.value.clone(), product.price.value);
    }
    let clocks = size::clocks(source, &topology::of_size(&replicas, 0), &table.clocks)?;
    if let Some(kept) = table.keys_kept.as_ref().filter(|kept| kept.value.0 < KEYS_KEPT_MIN) {
        let what = "keys that are hardly kept: expected 1s or more";
        return Err(source.mistake(&kept.place, what));
    }
    if let Some(page) = &table.page {
        source.in_range("page", page, 1, 100)?;
    }
    let carrier = &table.carrier;
    let per_mille = |number: &Option<At<u64>>| match number {
        Some(number) if number.value > 1000 => {
            Err(source.mistake(&number.place, format!("{}: expected 0 to 1000", number.value)))
        }
        Some(number) => Ok(number.value),
        None => Ok(0),
    };
    let length = |length: Option<Length>, seconds| length.unwrap_or(Length::seconds(seconds)).0;
    Ok(WorldSpec {
        replicas,
        stock,
        products,
        carrier: CarrierSpec {
            pick_up: length(carrier.pick_up, 2),
            depart: length(carrier.depart, 2),
            deliver: length(carrier.deliver, 4),
            lost_per_mille: per_mille(&carrier.lost_per_mille)?,
            found_per_mille: per_mille(&carrier.found_per_mille)?,
            found: length(carrier.found, 20),
        },
        page: table.page.as_ref().map(|page| page.value),
        keys_kept: table.keys_kept.as_ref().map(|kept| kept.value.0),
        clocks,
        retention: table.retention.map(|retention| retention.0),
        storm: table.storm.map_or(STORM, |storm| storm.0),
    })
}

/// A parcel that nobody loses cannot be found.
fn finds_follow_losses(
    source: Source<'_>,
    document: &Document,
    people: &[PeopleFault],
) -> Result<(), Mistake> {
    let lost = |order: OrderName| {
        people.iter().any(
            |fault| matches!(fault, PeopleFault::LoseParcel { order: lost, .. } if *lost == order),
        )
    };
    for table in &document.faults {
        let found = table.value.target_of(PeopleKind::FindParcel.row());
        let Some(target) = found else { continue };
        let order: OrderName = target.value.parse().expect("checked with the fault");
        if !lost(order) {
            let what = format!(
                "a fault that cannot fire: nobody loses the parcel of {order}, expected `lose_parcel`"
            );
            return Err(source.mistake(&target.place, what));
        }
    }
    Ok(())
}

/// Of two changes that are under way at once nobody could say which is the later.
fn prices_change_once(source: Source<'_>, document: &Document) -> Result<(), Mistake> {
    let mut changed = BTreeSet::new();
    for table in &document.faults {
        let sku = table.value.target_of(PeopleKind::ChangePrice.row());
        if let Some(sku) = sku.filter(|sku| !changed.insert(&sku.value)) {
            let what = format!("the price of {} changes twice: expected once", sku.value);
            return Err(source.mistake(&sku.place, what));
        }
    }
    Ok(())
}

fn expect(source: Source<'_>, table: &ExpectTable) -> Result<Expect, Mistake> {
    let mut orders = BTreeMap::new();
    for (status, count) in table.orders.iter().flatten() {
        let status: OrderStatus =
            parse_status(status).map_err(|what| source.mistake(&count.place, what))?;
        orders.insert(status.as_str(), count.value);
    }
    let mut mails = BTreeMap::new();
    for (template, count) in table.mails.iter().flatten() {
        if !topology::TEMPLATES.contains(&template.as_str()) {
            let what = format!("mail {template:?}: expected {}", one_of(topology::TEMPLATES));
            return Err(source.mistake(&count.place, what));
        }
        mails.insert(template.clone(), count.value);
    }
    Ok(Expect {
        orders: table.orders.is_some().then_some(orders),
        debits: table.debits,
        refunds: table.refunds,
        parked: table.parked,
        mails: table.mails.is_some().then_some(mails),
        alerts: table.alerts,
        dead: table.dead,
    })
}

fn identifier(source: Source<'_>, what: &str, text: &At<String>) -> Result<(), Mistake> {
    id::check(what, &text.value).map_err(|_| {
        let what =
            format!("{what} {:?}: expected 1 to 64 letters, digits, '-', '_' or '.'", text.value);
        source.mistake(&text.place, what)
    })
}
