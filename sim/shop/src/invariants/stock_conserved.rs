//! Stock conserved: what arrived is on hand or gone for good, and what is promised is on hand.

use super::{Evidence, Findings, Invariant, When};
use crate::truth::derived;
use crate::truth::rows::StockRow;
use crate::truth::{Step, Truth};

pub const INVARIANT: Invariant = Invariant {
    name: "stock conserved",
    says: "for each product and warehouse, received = on hand + committed, 0 <= reserved <= on \
           hand, and the books are the sums of the reservations",
    when: When::Always,
    step: Some(step),
    end: Some(end),
};

fn step(truth: &Truth, step: &Step, findings: &mut Findings) {
    for row in step.stock.iter().filter_map(|moved| moved.after.as_ref()) {
        check(truth, row, findings);
    }
    for moved in &step.stock {
        if moved.after.is_none() {
            findings.that(format!("a row of the stock's books was deleted: {:?}", moved.before));
        }
    }
    // Goods that came must be in the books.
    for restock in step.restocks.iter().filter_map(|moved| moved.after.as_ref()) {
        let row = truth.stock.all(&restock.sku).find(|row| row.warehouse == restock.warehouse);
        match row {
            Some(row) => check(truth, row, findings),
            None => findings
                .that(format!("{} came to {}, where it lies not", restock.sku, restock.warehouse)),
        }
    }
    // A reservation that moved must have moved the books along.
    for moved in &step.reservations {
        for line in truth.reservation_lines.all(&moved.row().order_id) {
            let row = truth.stock.all(&line.sku).find(|row| row.warehouse == line.warehouse);
            match row {
                Some(row) => check(truth, row, findings),
                None => findings.of(
                    &line.order_id,
                    format!("holds {} in {}, which has never had any", line.sku, line.warehouse),
                ),
            }
        }
    }
}

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let truth = evidence.truth;
    let afresh = derived::afresh(truth);
    if (&afresh.held, &afresh.committed) != (&truth.derived.held, &truth.derived.committed) {
        let zero = |sums: &std::collections::BTreeMap<derived::Place, i64>| {
            let mut sums = sums.clone();
            sums.retain(|_, sum| *sum != 0);
            sums
        };
        if (zero(&afresh.held), zero(&afresh.committed))
            != (zero(&truth.derived.held), zero(&truth.derived.committed))
        {
            findings.that("lines of reservations were changed after they were written");
        }
    }
    for row in truth.stock.iter() {
        check(truth, row, findings);
    }
}

fn check(truth: &Truth, row: &StockRow, findings: &mut Findings) {
    let place = (row.sku.clone(), row.warehouse.clone());
    let sum = |sums: &std::collections::BTreeMap<derived::Place, i64>| {
        sums.get(&place).copied().unwrap_or(0)
    };
    let StockRow { sku, warehouse, received, on_hand, reserved, committed } = row;
    let mut wrong = |what: String| findings.that(format!("{sku} in {warehouse}: {what}"));
    if *received != on_hand + committed {
        wrong(format!("received {received}, but on hand {on_hand} + committed {committed}"));
    }
    if *reserved < 0 || reserved > on_hand {
        wrong(format!("reserved {reserved} of {on_hand} on hand"));
    }
    for (books, rows, what) in [
        (*reserved, sum(&truth.derived.held), "reserved"),
        (*committed, sum(&truth.derived.committed), "committed"),
        (*received, sum(&truth.derived.received), "received"),
    ] {
        if books != rows {
            wrong(format!("the books say {what} {books}, the rows behind them {rows}"));
        }
    }
}
