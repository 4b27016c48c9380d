//! From a written script to steps that can be taken.

use std::collections::BTreeMap;

use super::mistake::{Mistake, Source, one_of};
use super::people::parse_status;
use super::tables::{CustomerTable, StepTable};
use super::units::{At, Which};
use super::{Action, Customer, OrderStep, ScriptStep};

/// A customer has this unless the scenario says otherwise.
const BALANCE: i64 = 1000_00;

/// Checks a customer and the script.
pub(super) fn customer(
    source: Source<'_>,
    products: &BTreeMap<String, i64>,
    table: &CustomerTable,
) -> Result<Customer, Mistake> {
    if let Some(balance) = &table.balance {
        source.in_range("balance", balance, 0, 1_000_000_000_00)?;
    }
    let mut script = Vec::new();
    for step in &table.script {
        script.push(self::step(source, products, step, orders_in(&script))?);
    }
    Ok(Customer {
        balance: table.balance.as_ref().map_or(BALANCE, |balance| balance.value),
        card: table.card,
        script,
    })
}

fn step(
    source: Source<'_>,
    products: &BTreeMap<String, i64>,
    table: &At<StepTable>,
    placed: usize,
) -> Result<ScriptStep, Mistake> {
    let wrong = |what: &str| Err(source.mistake(&table.place, what));
    let step = &table.value;
    let actions = [step.order.is_some(), step.cancel.is_some(), step.poll];
    if actions.into_iter().filter(|there| *there).count() > 1 {
        return wrong("a step with several actions: expected one of order, cancel or poll");
    }
    let odd = step.double_submit
        || step.same_key_other_body
        || step.gone.is_some()
        || step.again.is_some();
    if odd && step.order.is_none() {
        return wrong(
            "`double_submit`, `same_key_other_body`, `gone` and `again` say how to order: expected `order`",
        );
    }
    if step.double_submit && step.gone.is_some() {
        return wrong("`double_submit` and `gone`: expected only one of them");
    }
    if step.same_key_other_body && step.gone.is_some() {
        return wrong("`same_key_other_body` needs an answer first: expected no `gone`");
    }
    if step.again.is_some() && step.gone.is_some() {
        return wrong("`again` needs an answer first: expected no `gone`");
    }
    if step.back.is_some() && step.gone.is_none() {
        return wrong("`back` without `gone`: expected a buyer who went");
    }
    let placed_order = |which: &At<Which>| {
        let there = match which.value {
            Which::First | Which::Last => placed > 0,
            Which::Number(number) => usize::try_from(number).is_ok_and(|number| number <= placed),
        };
        match there {
            true => Ok(which.value),
            false => Err(source.mistake(
                &which.place,
                format!("an order that is not placed yet: expected an `order` step before, there are {placed}"),
            )),
        }
    };
    let cancel = step.cancel.as_ref().map(placed_order).transpose()?;
    let of = step.of.as_ref().map(placed_order).transpose()?;
    let wait_until = match &step.wait_until {
        None if of.is_some() => return wrong("`of` without `wait_until`: expected both"),
        None => None,
        Some(status) => {
            let which = of.or(cancel).unwrap_or(Which::Last);
            placed_order(&At { value: which, place: status.place.clone() })?;
            let status =
                parse_status(&status.value).map_err(|what| source.mistake(&status.place, what))?;
            Some((which, status))
        }
    };
    let action = match (&step.order, cancel, step.poll) {
        (Some(lines), _, _) => Action::Order(order(source, products, table, lines)?),
        (_, Some(which), _) => Action::Cancel(which),
        (_, _, true) => Action::Poll,
        _ if wait_until.is_some() || step.after.is_some() => Action::Wait,
        _ => {
            return wrong(
                "a step that does nothing: expected order, cancel, poll, wait_until or after",
            );
        }
    };
    Ok(ScriptStep { wait_until, after: step.after.unwrap_or_default().0, action })
}

fn order(
    source: Source<'_>,
    products: &BTreeMap<String, i64>,
    table: &At<StepTable>,
    lines: &BTreeMap<String, At<i64>>,
) -> Result<OrderStep, Mistake> {
    if lines.is_empty() {
        return Err(
            source.mistake(&table.place, "an order of nothing: expected such as { teapot = 1 }")
        );
    }
    for (sku, quantity) in lines {
        if !products.contains_key(sku) {
            let what = format!("sku {sku:?}: expected {}", one_of(products.keys()));
            return Err(source.mistake(&quantity.place, what));
        }
        source.in_range("quantity", quantity, 1, 1000)?;
    }
    let step = &table.value;
    Ok(OrderStep {
        lines: lines.iter().map(|(sku, quantity)| (sku.clone(), quantity.value)).collect(),
        double_submit: step.double_submit,
        same_key_other_body: step.same_key_other_body,
        gone: step.gone.map(|gone| (gone.0, step.back.map(|back| back.0))),
        again: step.again.map(|again| again.0),
    })
}

/// How many orders a script places.
pub fn orders_in(script: &[ScriptStep]) -> usize {
    script.iter().filter(|step| matches!(step.action, Action::Order(_))).count()
}
