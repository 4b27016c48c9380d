//! Setting the rows of the stage's one order, good or bad.

use stormproof_system::messages::{DeliveryStatus, PaymentOutcome};
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;
use stormproof_system::warehouse::dto::State;

use super::super::machines::ABSENT;
use super::{ADA, ORDER, Stage, id};
use crate::truth::rows::*;
use crate::truth::{Step, Told};

impl Stage {
    /// The commit says that a machine of the order moves from one state to another, or that its money does.
    fn say(&mut self, step: &mut Step, noun: &'static str, from: &str, to: &'static str) {
        step.facts.push(Told { noun, state: to, order: ORDER.to_owned() });
        let moves = self.final_state.books.moves.entry((id(noun), id(ORDER)));
        moves.or_default().push((id(from), id(to)));
    }

    /// The order moves; the time of its arrival is its place among the statuses.
    pub fn order_is(&mut self, step: &mut Step, status: OrderStatus) {
        let before = self.truth.orders.get(ORDER).map_or("", |row| row.status.as_str());
        self.say(step, "order", before, status.as_str());
        self.order_row(step, |row| {
            row.status = status;
            let at = Some(status as i64);
            match status {
                OrderStatus::PendingPayment => row.pending_payment_at = at,
                OrderStatus::Paid => row.paid_at = at,
                OrderStatus::Received => row.received_at = at,
                OrderStatus::PickedUp => row.picked_up_at = at,
                OrderStatus::InTransit => row.in_transit_at = at,
                OrderStatus::Delivered => row.delivered_at = at,
                OrderStatus::Lost => row.lost_at = at,
                OrderStatus::Failed => row.failed_at = at,
                OrderStatus::CancelPending => row.cancel_pending_at = at,
                OrderStatus::Cancelled => row.cancelled_at = at,
            }
        });
    }

    pub fn order_row(&mut self, step: &mut Step, change: impl FnOnce(&mut OrderRow)) {
        let mut row = self.truth.orders.get(ORDER).cloned().unwrap_or(OrderRow {
            id: id(ORDER),
            user_id: id(ADA),
            status: OrderStatus::PendingPayment,
            payment_status: PaymentStatus::None,
            transaction_id: id(""),
            refund_id: id(""),
            total: 42_00,
            version: 0,
            pending_payment_at: None,
            paid_at: None,
            received_at: None,
            picked_up_at: None,
            in_transit_at: None,
            delivered_at: None,
            lost_at: None,
            failed_at: None,
            cancel_pending_at: None,
            cancelled_at: None,
        });
        row.version += 1;
        change(&mut row);
        self.truth.set(step, 1, Some(row));
    }

    /// The payment moves along `path`, as the commit's facts tell.
    pub fn payment_is(&mut self, step: &mut Step, path: &[PaymentStatus]) {
        let before = self.truth.orders.get(ORDER).map(|row| row.payment_status);
        let mut before = before.unwrap_or(PaymentStatus::None);
        for status in path {
            self.say(step, "payment", before.as_str(), status.as_str());
            before = *status;
        }
        let last = *path.last().expect("a path leads somewhere");
        self.order_row(step, |row| {
            row.payment_status = last;
            row.transaction_id = id("debit-1");
        });
    }

    /// The Store alerts support.
    pub fn alert_is(&mut self, step: &mut Step, kind: &str, cause: &str) {
        let number = 1 + self.truth.store_alerts.len() as i64;
        let row = StoreAlertRow { order_id: id(ORDER), kind: id(kind), cause: id(cause) };
        self.truth.set(step, number, Some(row));
    }

    pub fn reservation_is(&mut self, step: &mut Step, state: State) {
        let before = self.truth.reservations.get(ORDER).map_or(ABSENT, |row| row.state.as_str());
        self.say(step, "reservation", before, state.as_str());
        let row = ReservationRow { order_id: id(ORDER), state, version: 1 };
        self.truth.set(step, 1, Some(row));
    }

    pub fn stock_is(&mut self, step: &mut Step, on_hand: i64, reserved: i64, committed: i64) {
        let row = StockRow {
            sku: id("teapot"),
            warehouse: id("sydney"),
            received: 3,
            on_hand,
            reserved,
            committed,
        };
        self.truth.set(step, 1, Some(row));
    }

    pub fn parcel_is(&mut self, step: &mut Step, status: DeliveryStatus) {
        let before = self.truth.parcels.get(ORDER).map_or(ABSENT, |row| row.status.as_str());
        self.say(step, "parcel", before, status.as_str());
        let before = self.truth.parcels.get(ORDER).cloned();
        let mut row = before.unwrap_or(ParcelRow {
            order_id: id(ORDER),
            status,
            sequence: 0,
            received_at: None,
            picked_up_at: None,
            in_transit_at: None,
            delivered_at: None,
            lost_at: None,
            cancelled_at: None,
            found_at: None,
            next_move_at: None,
        });
        row.status = status;
        row.sequence += 1;
        let at = Some(row.sequence);
        match status {
            DeliveryStatus::Received => row.received_at = at,
            DeliveryStatus::PickedUp => row.picked_up_at = at,
            DeliveryStatus::InTransit => row.in_transit_at = at,
            DeliveryStatus::Delivered => row.delivered_at = at,
            DeliveryStatus::Lost => row.lost_at = at,
            DeliveryStatus::Cancelled => row.cancelled_at = at,
        }
        self.truth.set(step, 1, Some(row));
    }

    pub(super) fn account_is(&mut self, step: &mut Step, number: i64, owner: &str, balance: i64) {
        let row = AccountRow {
            owner: id(owner),
            balance,
            status: id("OPEN"),
            opened_balance: if owner == ADA { 100_00 } else { 0 },
        };
        self.truth.set(step, number, Some(row));
    }

    /// Moves money as the Bank does: two entries, two balances.
    pub fn transfer(
        &mut self,
        step: &mut Step,
        number: i64,
        name: &str,
        from: &str,
        to: &str,
        amount: i64,
    ) {
        for (number, owner, amount) in [(number, from, -amount), (number + 1, to, amount)] {
            let entry = EntryRow { transaction_id: id(name), account: id(owner), amount };
            self.truth.set(step, number, Some(entry));
            let place = ["outside", "shop-0", ADA].iter().position(|known| *known == owner);
            let place = i64::try_from(place.expect("one of three")).expect("small") + 1;
            let balance = self.truth.accounts.get(owner).map_or(0, |row| row.balance);
            self.account_is(step, place, owner, balance + amount);
        }
    }

    pub fn debit_is(&mut self, step: &mut Step, number: i64, outcome: PaymentOutcome) {
        self.say(step, "debit", ABSENT, "WRITTEN");
        let charged = outcome == PaymentOutcome::Debited;
        let row = DebitRow {
            key: id(&format!("DEBIT-{number}")),
            order_id: id(ORDER),
            account: Some(id(ADA)),
            amount: Some(42_00),
            outcome,
            transaction_id: charged.then(|| id(&format!("debit-{number}"))),
        };
        self.truth.set(step, number, Some(row));
    }

    pub fn refund_is(&mut self, step: &mut Step, number: i64, amount: i64) {
        self.say(step, "refund", ABSENT, "REFUNDED");
        let row = RefundRow {
            key: id(&format!("REFUND-{number}")),
            debit_key: id("DEBIT-1"),
            amount,
            transaction_id: id(&format!("refund-{number}")),
        };
        self.truth.set(step, number, Some(row));
    }
}
