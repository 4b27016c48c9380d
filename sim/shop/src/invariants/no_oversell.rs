//! No oversell: nobody is promised what is not there.

use super::{Findings, Invariant, When};
use crate::truth::{Step, Truth};

pub const INVARIANT: Invariant = Invariant {
    name: "no oversell",
    says: "never more held and committed than received",
    when: When::Always,
    step: Some(step),
    end: None,
};

/// Goes by the reservations and the arrivals alone, not by the books that sum them up.
fn step(truth: &Truth, step: &Step, findings: &mut Findings) {
    for moved in &step.reservations {
        let order = &moved.row().order_id;
        for line in truth.reservation_lines.all(order) {
            let place = (line.sku.clone(), line.warehouse.clone());
            let derived = &truth.derived;
            let of =
                |sums: &std::collections::BTreeMap<_, i64>| sums.get(&place).copied().unwrap_or(0);
            let (held, committed, received) =
                (of(&derived.held), of(&derived.committed), of(&derived.received));
            if held + committed > received {
                findings.of(
                    order,
                    format!(
                        "oversells {} in {}: {held} held and {committed} committed of {received}",
                        line.sku, line.warehouse
                    ),
                );
            }
        }
    }
}
