//! Fewer customers, orders and steps, and simpler ones.
//!
//! Who is left acts when they would have acted: a step takes over the waiting of those before it
//! that are gone. Faults that name a customer or an order follow, or go with it.

use std::ops::Range;
use std::time::Duration;

use super::retarget::retarget;
use stormproof_explore::passes::numbers::{fewer, shorter};
use stormproof_shop::scenario::Which;
use stormproof_shop::scenario::tables::{Card, CustomerTable, Document, StepTable};
use stormproof_shop::scenario::units::{At, Length, OrderName};
use stormproof_shop::topology;

/// A step of all scripts together: its customer and its place there.
type Place = (usize, usize);

pub(super) fn customers(document: &Document) -> usize {
    document.customers.len()
}

/// Those behind move up.
pub(super) fn without_customers(document: &Document, range: Range<usize>) -> Document {
    let mut document = document.clone();
    document.customers.drain(range.clone());
    let moved_up = |number: usize| match number - 1 {
        place if range.contains(&place) => None,
        place if place >= range.end => Some(number - range.len()),
        _ => Some(number),
    };
    retarget(&mut document, |name| match numbered(name) {
        None => Some(name.to_owned()),
        Some((number, order)) => Some(format!("{}{order}", topology::customer(moved_up(number)?))),
    });
    document
}

/// An order and all that its customer does until the next one are one item.
pub(super) fn orders(document: &Document) -> usize {
    purchases(document).len()
}

pub(super) fn without_orders(document: &Document, range: Range<usize>) -> Option<Document> {
    without(document, &purchases(document)[range].concat())
}

pub(super) fn steps(document: &Document) -> usize {
    places(document).len()
}

pub(super) fn without_steps(document: &Document, range: Range<usize>) -> Option<Document> {
    without(document, &places(document)[range])
}

fn places(document: &Document) -> Vec<Place> {
    let customers = document.customers.iter().enumerate();
    let steps = |(number, customer): (usize, &CustomerTable)| {
        (0..customer.script.len()).map(move |step| (number, step))
    };
    customers.flat_map(steps).collect()
}

fn purchases(document: &Document) -> Vec<Vec<Place>> {
    let mut purchases: Vec<Vec<Place>> = Vec::new();
    for (number, step) in places(document) {
        let is_order = document.customers[number].script[step].value.order.is_some();
        match purchases.last_mut() {
            Some(last) if !is_order && last[0].0 == number => last.push((number, step)),
            _ => purchases.push(vec![(number, step)]),
        }
    }
    purchases
}

/// `None`: a step that stays points at an order that goes.
fn without(document: &Document, gone: &[Place]) -> Option<Document> {
    let mut smaller = document.clone();
    // Of each customer, the new numbers of the old orders.
    let mut numbers = Vec::new();
    for (customer, table) in smaller.customers.iter_mut().enumerate() {
        let mut kept: Vec<Option<u32>> = Vec::new();
        let mut count = 0;
        let mut waited = Duration::ZERO;
        let script = std::mem::take(&mut table.script);
        for (place, mut step) in script.into_iter().enumerate() {
            let stays = !gone.contains(&(customer, place));
            if step.value.order.is_some() {
                count += u32::from(stays);
                kept.push(stays.then_some(count));
            }
            if !stays {
                waited += step.value.after.unwrap_or_default().0;
                continue;
            }
            for which in [&mut step.value.cancel, &mut step.value.of].into_iter().flatten() {
                if let Which::Number(number) = &mut which.value {
                    *number =
                        *kept.get(usize::try_from(*number).ok()?.checked_sub(1)?)?.as_ref()?;
                }
            }
            let waited = std::mem::take(&mut waited);
            if !waited.is_zero() {
                step.value.after = Some(Length(step.value.after.unwrap_or_default().0 + waited));
            }
            table.script.push(step);
        }
        numbers.push(kept);
    }
    retarget(&mut smaller, |name| match name.parse::<OrderName>() {
        Err(_) => Some(name.to_owned()),
        Ok(OrderName { customer, order }) => {
            let order = (*numbers.get(customer - 1)?.get(order - 1)?)?;
            Some(format!("{}/{order}", topology::customer(customer)))
        }
    });
    Some(smaller)
}

/// The number in `customer-2` and `customer-2/1`, and what follows it.
fn numbered(name: &str) -> Option<(usize, &str)> {
    let number = name.strip_prefix(topology::CUSTOMERS)?.strip_prefix('-')?;
    let end = number.find('/').unwrap_or(number.len());
    Some((number[..end].parse().ok()?, &number[end..]))
}

/// Every customer and every step in simpler forms.
pub(super) fn forms(document: &Document) -> Vec<Document> {
    let mut forms = Vec::new();
    for (number, customer) in document.customers.iter().enumerate() {
        let mut form = |change: &dyn Fn(&mut CustomerTable)| {
            let mut form = document.clone();
            change(&mut form.customers[number]);
            forms.push(form);
        };
        if customer.card != Card::Ok {
            form(&|customer| customer.card = Card::Ok);
        }
        if customer.balance.is_some() {
            form(&|customer| customer.balance = None);
        }
        for (place, step) in customer.script.iter().enumerate() {
            for simpler in simpler_steps(&step.value) {
                form(&|customer| customer.script[place] = At::from(simpler.clone()));
            }
        }
    }
    forms
}

fn simpler_steps(step: &StepTable) -> Vec<StepTable> {
    let mut all = Vec::new();
    let mut form = |is_there: bool, change: &dyn Fn(&mut StepTable)| {
        if is_there {
            let mut simpler = step.clone();
            change(&mut simpler);
            all.push(simpler);
        }
    };
    form(step.double_submit, &|step| step.double_submit = false);
    form(step.same_key_other_body, &|step| step.same_key_other_body = false);
    form(step.gone.is_some(), &|step| (step.gone, step.back) = (None, None));
    form(step.back.is_some(), &|step| step.back = None);
    form(step.wait_until.is_some(), &|step| (step.wait_until, step.of) = (None, None));
    for (sku, quantity) in step.order.iter().flatten() {
        form(true, &|step| {
            step.order.as_mut().and_then(|lines| lines.remove(sku));
        });
        for fewer in fewer(quantity.value, 1) {
            form(true, &|step| {
                step.order.as_mut().and_then(|lines| lines.insert(sku.clone(), At::from(fewer)));
            });
        }
    }
    form(step.after.is_some(), &|step| step.after = None);
    for after in step.after.into_iter().flat_map(shorter) {
        form(true, &|step| step.after = Some(after));
    }
    for gone in step.gone.into_iter().flat_map(shorter) {
        form(true, &|step| step.gone = Some(gone));
    }
    for back in step.back.into_iter().flat_map(shorter) {
        form(true, &|step| step.back = Some(back));
    }
    all
}
