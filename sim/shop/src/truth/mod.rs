//! The oracle's mirror of what is committed, over all services' databases.
//!
//! It believes nobody: after every commit it reads the changed rows itself (`reading.rs`), or all
//! rows at once (`whole.rs`). Invariants compare
//! these rows with each other and with what people were told ([`client_history`](super::client_history)).
//! What only the end can tell is in [`final_state`], gathered by [`inspection`].

pub mod books;
pub mod derived;
pub mod final_state;
pub mod inspection;
pub mod lows;
pub mod questions;
pub mod reading;
pub mod rows;
pub mod waits;
pub mod whole;

use std::collections::BTreeMap;
use std::time::Duration;

use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;

use derived::Derived;
use lows::Lows;
use questions::Questions;
use rows::*;
use waits::Waits;

/// One table's rows, by number and by key.
#[derive(Clone, Debug)]
pub struct Table<R> {
    rows: BTreeMap<i64, R>,
    /// The numbers of the rows of a key, in order of arrival.
    keys: BTreeMap<Id, Vec<i64>>,
}

/// A row before and after a commit.
#[derive(Clone, Debug)]
pub struct Moved<R> {
    pub before: Option<R>,
    pub after: Option<R>,
}

/// A fact without its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub noun: &'static str,
    pub state: &'static str,
    pub order: String,
}

/// Everything that one commit changed.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub at: Duration,
    pub facts: Vec<Told>,
    /// Rows that it deleted from tables whose rows are only counted.
    pub forgotten: u64,
    pub orders: Vec<Moved<OrderRow>>,
    pub reservations: Vec<Moved<ReservationRow>>,
    pub reservation_lines: Vec<Moved<ReservationLineRow>>,
    pub stock: Vec<Moved<StockRow>>,
    pub restocks: Vec<Moved<RestockRow>>,
    pub accounts: Vec<Moved<AccountRow>>,
    pub entries: Vec<Moved<EntryRow>>,
    pub debits: Vec<Moved<DebitRow>>,
    pub refunds: Vec<Moved<RefundRow>>,
    pub parcels: Vec<Moved<ParcelRow>>,
    pub store_alerts: Vec<Moved<StoreAlertRow>>,
    pub warehouse_alerts: Vec<Moved<WarehouseAlertRow>>,
    pub bank_alerts: Vec<Moved<BankAlertRow>>,
    pub delivery_alerts: Vec<Moved<DeliveryAlertRow>>,
    pub email_alerts: Vec<Moved<EmailAlertRow>>,
}

/// What is committed.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub orders: Table<OrderRow>,
    pub reservations: Table<ReservationRow>,
    pub reservation_lines: Table<ReservationLineRow>,
    pub stock: Table<StockRow>,
    pub restocks: Table<RestockRow>,
    pub accounts: Table<AccountRow>,
    pub entries: Table<EntryRow>,
    pub debits: Table<DebitRow>,
    pub refunds: Table<RefundRow>,
    pub parcels: Table<ParcelRow>,
    pub store_alerts: Table<StoreAlertRow>,
    pub warehouse_alerts: Table<WarehouseAlertRow>,
    pub bank_alerts: Table<BankAlertRow>,
    pub delivery_alerts: Table<DeliveryAlertRow>,
    pub email_alerts: Table<EmailAlertRow>,
    /// Sums over the tables, kept up with every step.
    pub derived: Derived,
    /// How long things waited, and what support heard.
    pub waits: Waits,
    /// How low stock and balances have been.
    pub lows: Lows,
    /// What services asked each other, and how often.
    pub questions: Questions,
    /// How many rows the tables have whose rows are only counted, in the order of `reading.rs`;
    /// empty where nobody counts.
    pub counts: Vec<i64>,
}

impl<R> Default for Table<R> {
    fn default() -> Table<R> {
        Table { rows: BTreeMap::new(), keys: BTreeMap::new() }
    }
}

impl Step {
    /// Whether anything that is watched changed.
    pub fn is_change(&self) -> bool {
        !(self.orders.is_empty()
            && self.reservations.is_empty()
            && self.stock.is_empty()
            && self.accounts.is_empty()
            && self.debits.is_empty()
            && self.refunds.is_empty()
            && self.parcels.is_empty())
    }
}

impl<R: Row> Table<R> {
    /// All rows, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.rows.values()
    }

    /// The first row of a key.
    pub fn get(&self, key: &str) -> Option<&R> {
        self.all(key).next()
    }

    /// All rows of a key.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &R> {
        let numbers = self.keys.get(key).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|number| self.rows.get(number))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Puts what row `number` now holds; returns what it held.
    fn set(&mut self, number: i64, row: Option<R>) -> Option<R> {
        let before = match &row {
            Some(row) => self.rows.insert(number, row.clone()),
            None => self.rows.remove(&number),
        };
        let same =
            matches!((&before, &row), (Some(old), Some(new)) if old.known_by() == new.known_by());
        if !same {
            if let Some(old) = &before
                && let Some(numbers) = self.keys.get_mut(old.known_by())
            {
                numbers.retain(|known| *known != number);
            }
            if let Some(new) = &row {
                self.keys.entry(new.known_by().clone()).or_default().push(number);
            }
        }
        before
    }
}

impl Truth {
    /// Puts what row `number` now holds, and notes it in `step`.
    pub fn set<R: Row>(&mut self, step: &mut Step, number: i64, after: Option<R>) {
        let before = R::table(self).set(number, after.clone());
        if before != after {
            R::moved(step).push(Moved { before, after });
        }
    }

    /// Ends a step: the sums follow the rows.
    pub fn settle(&mut self, step: &Step) {
        derived::follow(self, step);
        waits::follow(self, step);
        self.lows.follow(step);
    }

    /// How many orders have each status.
    pub fn orders_by_status(&self) -> BTreeMap<String, u64> {
        let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
        for order in self.orders.iter() {
            *by_status.entry(order.status.as_str().to_owned()).or_default() += 1;
        }
        by_status
    }

    /// The amount that was debited for an order and not refunded.
    pub fn kept_of(&self, order: &str) -> i64 {
        let charged = self.debits.all(order).filter(|debit| debit.is_charged());
        let charged: Vec<_> = charged.collect();
        let refunds = charged.iter().flat_map(|debit| self.refunds.all(&debit.key));
        let refunded: i64 = refunds.map(|refund| refund.amount).sum();
        charged.iter().filter_map(|debit| debit.amount).sum::<i64>() - refunded
    }

    /// The debit that was made for an order.
    pub fn charge_of(&self, order: &str) -> Option<&DebitRow> {
        self.debits.all(order).find(|debit| debit.is_charged())
    }

    /// The first refund of an order.
    pub fn refund_of(&self, order: &str) -> Option<&RefundRow> {
        self.debits.all(order).find_map(|debit| self.refunds.get(&debit.key))
    }

    /// The debit that a refund undoes.
    pub fn debit_of(&self, refund: &RefundRow) -> Option<&DebitRow> {
        self.debits.iter().find(|debit| debit.key == refund.debit_key)
    }

    /// Whether nothing is left to do for `order`: it has its last status and no money is in doubt
    /// or on its way, or its refund waits for people (`protocol.md` §2).
    pub fn is_settled(&self, order: &OrderRow) -> bool {
        match (order.status, order.payment_status) {
            (_, PaymentStatus::RefundDue | PaymentStatus::DebitIntent) => false,
            (_, PaymentStatus::Parked) => self.is_unrefundable(order),
            (OrderStatus::Lost, PaymentStatus::Debited) => false,
            (status, _) => status.is_terminal(),
        }
    }

    /// Whether only people can help: the refund waits, and the account takes no money. A parked
    /// refund that the Bank would make is not settled, for the probe will find out.
    pub fn is_unrefundable(&self, order: &OrderRow) -> bool {
        let account = self.accounts.get(&order.user_id);
        let waits = matches!(
            order.status,
            OrderStatus::CancelPending | OrderStatus::PendingPayment | OrderStatus::Lost
        );
        waits && self.refund_of(&order.id).is_none() && account.is_some_and(AccountRow::is_closed)
    }
}

impl<R> Moved<R> {
    /// The row, as it is or as it was.
    pub fn row(&self) -> &R {
        self.after.as_ref().or(self.before.as_ref()).expect("a row moved, so it was or is")
    }
}
