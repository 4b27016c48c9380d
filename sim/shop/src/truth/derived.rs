//! Sums over the mirror's tables, kept up with every commit so that no invariant has to add up the
//! whole world each time.

use std::collections::BTreeMap;

use stormproof_system::warehouse::dto::State;

use super::rows::{Id, ReservationLineRow};
use super::{Step, Truth};

/// A product in a warehouse.
pub type Place = (Id, Id);

/// The sums.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    /// Over all accounts.
    pub balances: i64,
    /// The entries of each account.
    pub ledger: BTreeMap<Id, i64>,
    /// What reservations hold at each place, by their own lines.
    pub held: BTreeMap<Place, i64>,
    /// What reservations have committed at each place, by their own lines.
    pub committed: BTreeMap<Place, i64>,
    /// What has arrived at each place.
    pub received: BTreeMap<Place, i64>,
}

impl Derived {
    fn add_line(&mut self, state: Option<State>, line: &ReservationLineRow, sign: i64) {
        let sums = match state {
            Some(State::Held) => &mut self.held,
            Some(State::Committed) => &mut self.committed,
            _ => return,
        };
        let place = (line.sku.clone(), line.warehouse.clone());
        *sums.entry(place).or_default() += sign * line.quantity;
    }
}

/// Brings the sums up to date with `step`.
pub fn follow(truth: &mut Truth, step: &Step) {
    let derived = &mut truth.derived;
    for moved in &step.accounts {
        let balance = |row: &Option<super::AccountRow>| row.as_ref().map_or(0, |row| row.balance);
        derived.balances += balance(&moved.after) - balance(&moved.before);
    }
    for moved in &step.entries {
        for (row, sign) in [(&moved.before, -1), (&moved.after, 1)] {
            if let Some(row) = row {
                *derived.ledger.entry(row.account.clone()).or_default() += sign * row.amount;
            }
        }
    }
    for moved in &step.restocks {
        for (row, sign) in [(&moved.before, -1), (&moved.after, 1)] {
            if let Some(row) = row {
                let place = (row.sku.clone(), row.warehouse.clone());
                *derived.received.entry(place).or_default() += sign * row.quantity;
            }
        }
    }
    // Lines that came or went count under their reservation's new state; the other lines of a
    // reservation move from its old state to its new one.
    for moved in &step.reservation_lines {
        for (row, sign) in [(&moved.before, -1), (&moved.after, 1)] {
            if let Some(line) = row {
                let state = truth.reservations.get(&line.order_id).map(|row| row.state);
                derived.add_line(state, line, sign);
            }
        }
    }
    for moved in &step.reservations {
        let [before, after] =
            [&moved.before, &moved.after].map(|row| row.as_ref().map(|row| row.state));
        if before == after {
            continue;
        }
        let order = &moved.row().order_id;
        let fresh = |line: &ReservationLineRow| {
            step.reservation_lines.iter().any(|moved| moved.after.as_ref() == Some(line))
        };
        for line in truth.reservation_lines.all(order).filter(|line| !fresh(line)) {
            derived.add_line(before, line, -1);
            derived.add_line(after, line, 1);
        }
    }
}

/// The sums, added up from nothing: what the ones kept up must equal.
pub fn afresh(truth: &Truth) -> Derived {
    let mut derived = Derived::default();
    for account in truth.accounts.iter() {
        derived.balances += account.balance;
    }
    for entry in truth.entries.iter() {
        *derived.ledger.entry(entry.account.clone()).or_default() += entry.amount;
    }
    for restock in truth.restocks.iter() {
        let place = (restock.sku.clone(), restock.warehouse.clone());
        *derived.received.entry(place).or_default() += restock.quantity;
    }
    for line in truth.reservation_lines.iter() {
        let state = truth.reservations.get(&line.order_id).map(|row| row.state);
        derived.add_line(state, line, 1);
    }
    derived
}
