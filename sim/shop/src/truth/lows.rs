//! How low stock and balances have been, and when: a refusal must have had its cause.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Step;
use super::rows::Id;
use stormproof_system::store::order::OrderStatus;

/// What there was of things over a run, by their names.
#[derive(Clone, Debug, Default)]
pub struct Levels(BTreeMap<Id, Vec<(Duration, i64)>>);

/// What is remembered of the way, for the judgement of refusals.
#[derive(Clone, Debug, Default)]
pub struct Lows {
    /// Whether every commit was followed; if not, nothing is known of the way.
    pub followed: bool,
    /// Units of each product that nobody has reserved, in all warehouses.
    pub free: Levels,
    /// What is on each owner's account; nothing where it is not open.
    pub spendable: Levels,
    /// When each order came.
    pub placed: BTreeMap<Id, Duration>,
    /// When each order was refused, in time since the run began.
    pub refused: BTreeMap<Id, Duration>,
    /// When the Bank decided on each order's debit.
    pub decided: BTreeMap<Id, Duration>,
}

impl Levels {
    fn change(&mut self, name: &Id, at: Duration, by: i64) {
        let levels = self.0.entry(name.clone()).or_default();
        let level = levels.last().map_or(0, |(_, level)| *level) + by;
        levels.push((at, level));
    }

    /// The least that there was of `name` at any moment from `from` to `to`.
    pub fn least(&self, name: &str, from: Duration, to: Duration) -> i64 {
        let levels = self.0.get(name).map_or(&[][..], Vec::as_slice);
        let before = levels.partition_point(|(at, _)| *at < from);
        let end = levels.partition_point(|(at, _)| *at <= to);
        let at_first = before.checked_sub(1).map_or(0, |place| levels[place].1);
        let within = levels[before..end].iter().map(|(_, level)| *level);
        within.chain([at_first]).min().unwrap_or(0)
    }
}

impl Lows {
    /// Follows a commit.
    pub fn follow(&mut self, step: &Step) {
        for moved in &step.stock {
            let free = |row: &Option<super::StockRow>| {
                row.as_ref().map_or(0, |row| row.on_hand - row.reserved)
            };
            let by = free(&moved.after) - free(&moved.before);
            self.free.change(&moved.row().sku, step.at, by);
        }
        for moved in &step.accounts {
            let spendable = |row: &Option<super::AccountRow>| match row {
                Some(row) if *row.status == *"OPEN" => row.balance,
                _ => 0,
            };
            let by = spendable(&moved.after) - spendable(&moved.before);
            self.spendable.change(&moved.row().owner, step.at, by);
        }
        for moved in &step.orders {
            let Some(order) = &moved.after else { continue };
            self.placed.entry(order.id.clone()).or_insert(step.at);
            if order.status == OrderStatus::Failed {
                self.refused.entry(order.id.clone()).or_insert(step.at);
            }
        }
        for debit in step.debits.iter().filter_map(|moved| moved.after.as_ref()) {
            self.decided.entry(debit.order_id.clone()).or_insert(step.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_a_time_is_what_there_was_at_its_beginning_or_later() {
        let (mut levels, tea) = (Levels::default(), Id::from("tea"));
        let at = Duration::from_secs;
        for (second, by) in [(1, 5), (3, -4), (5, 2)] {
            levels.change(&tea, at(second), by);
        }
        let least = |from, to| levels.least("tea", at(from), at(to));
        assert_eq!((least(1, 2), least(2, 2), least(2, 3)), (0, 5, 1));
        assert_eq!((least(4, 4), least(5, 9), least(6, 9)), (1, 1, 3));
        assert_eq!(levels.least("mug", at(0), at(9)), 0);
    }
}
