//! The rows that the oracle watches, typed, with the one statement that reads each.
//!
//! Only what an invariant looks at is read; a value that cannot be read is a broken promise of the
//! schema and stops the run.

use std::sync::Arc;

use stormproof_system::bank::dto::Status as AccountStatus;
use stormproof_system::messages::{DeliveryStatus, PaymentOutcome};
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;
use stormproof_system::warehouse::dto::State;

use super::{Moved, Step, Table, Truth};
use stormproof_ports::sql::Value;

/// Calls `$what` with the type of every watched row.
macro_rules! for_every_row {
    ($what:ident $arguments:tt) => {{
        $what!(OrderRow $arguments);
        $what!(ReservationRow $arguments);
        $what!(ReservationLineRow $arguments);
        $what!(StockRow $arguments);
        $what!(RestockRow $arguments);
        $what!(AccountRow $arguments);
        $what!(EntryRow $arguments);
        $what!(DebitRow $arguments);
        $what!(RefundRow $arguments);
        $what!(ParcelRow $arguments);
        $what!(StoreAlertRow $arguments);
        $what!(WarehouseAlertRow $arguments);
        $what!(BankAlertRow $arguments);
        $what!(DeliveryAlertRow $arguments);
        $what!(EmailAlertRow $arguments);
    }};
}

pub(super) use for_every_row;

/// An id or another short text, cheap to copy.
pub type Id = Arc<str>;

/// A watched row.
pub trait Row: Clone + PartialEq + Sized {
    const DATABASE: &'static str;
    const TABLE: &'static str;
    /// The columns that are read, in order, with commas between them.
    const COLUMNS: &'static str;
    /// Reads the row number `$1`.
    const ONE: &'static str;
    /// Reads every row, its number first.
    const ALL: &'static str;

    fn read(values: &[Value]) -> Self;
    /// What other rows know it by: an order's id, an account's owner.
    fn known_by(&self) -> &Id;
    fn table(truth: &mut Truth) -> &mut Table<Self>;
    fn moved(step: &mut Step) -> &mut Vec<Moved<Self>>;
}

/// A value that a column can hold.
trait Column: Sized {
    fn read(value: &Value) -> Option<Self>;
}

impl Column for i64 {
    fn read(value: &Value) -> Option<i64> {
        value.as_i64()
    }
}

impl Column for Id {
    fn read(value: &Value) -> Option<Id> {
        value.as_str().map(Id::from)
    }
}

impl<C: Column> Column for Option<C> {
    fn read(value: &Value) -> Option<Option<C>> {
        if value.is_null() { Some(None) } else { C::read(value).map(Some) }
    }
}

macro_rules! named {
    ($($type:ty => $parse:expr;)*) => {$(
        impl Column for $type {
            fn read(value: &Value) -> Option<$type> {
                let parse: fn(&str) -> Option<$type> = $parse;
                parse(value.as_str()?)
            }
        }
    )*};
}

named! {
    OrderStatus => OrderStatus::parse;
    PaymentStatus => PaymentStatus::parse;
    State => State::parse;
    DeliveryStatus => |text| DeliveryStatus::ALL.into_iter().find(|status| status.as_str() == text);
    PaymentOutcome => |text| match text {
        "DEBITED" => Some(PaymentOutcome::Debited),
        "DECLINED" => Some(PaymentOutcome::Declined),
        "VOIDED" => Some(PaymentOutcome::Voided),
        _ => None,
    };
}

macro_rules! columns {
    ($first:ident $(, $rest:ident)*) => {
        concat!(stringify!($first), $(", ", stringify!($rest)),*)
    };
}

macro_rules! rows {
    ($(
        $(#[$doc:meta])*
        $name:ident in $field:ident, $database:literal $table:literal by $key:ident
            { $($column:ident: $type:ty),* $(,)? }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(pub $column: $type,)*
        }

        impl Row for $name {
            const DATABASE: &'static str = $database;
            const TABLE: &'static str = $table;
            const COLUMNS: &'static str = columns!($($column),*);
            const ONE: &'static str =
                concat!("SELECT ", columns!($($column),*), " FROM ", $table, " WHERE rowid = $1");
            const ALL: &'static str =
                concat!("SELECT rowid, ", columns!($($column),*), " FROM ", $table);

            fn read(values: &[Value]) -> $name {
                let mut values = values.iter();
                let mut next = || values.next().expect("a value for each column asked for");
                $(
                    let value = next();
                    let Some($column) = Column::read(value) else {
                        panic!("{}.{}: {value:?} cannot be", $table, stringify!($column));
                    };
                )*
                $name { $($column),* }
            }

            fn known_by(&self) -> &Id {
                &self.$key
            }

            fn table(truth: &mut Truth) -> &mut Table<$name> {
                &mut truth.$field
            }

            fn moved(step: &mut Step) -> &mut Vec<Moved<$name>> {
                &mut step.$field
            }
        }
    )*};
}

rows! {
    /// The Store's order, with its view of the payment.
    OrderRow in orders, "store-db" "orders" by id {
        id: Id,
        user_id: Id,
        status: OrderStatus,
        payment_status: PaymentStatus,
        transaction_id: Id,
        refund_id: Id,
        total: i64,
        version: i64,
        pending_payment_at: Option<i64>,
        paid_at: Option<i64>,
        received_at: Option<i64>,
        picked_up_at: Option<i64>,
        in_transit_at: Option<i64>,
        delivered_at: Option<i64>,
        lost_at: Option<i64>,
        failed_at: Option<i64>,
        cancel_pending_at: Option<i64>,
        cancelled_at: Option<i64>,
    }

    /// The Warehouse's reservation.
    ReservationRow in reservations, "warehouse-db" "reservations" by order_id {
        order_id: Id,
        state: State,
        version: i64,
    }

    /// Goods of a reservation.
    ReservationLineRow in reservation_lines, "warehouse-db" "reservation_lines" by order_id {
        order_id: Id,
        sku: Id,
        warehouse: Id,
        quantity: i64,
    }

    /// The Warehouse's books of a product in a place.
    StockRow in stock, "warehouse-db" "stock" by sku {
        sku: Id,
        warehouse: Id,
        received: i64,
        on_hand: i64,
        reserved: i64,
        committed: i64,
    }

    /// An arrival of goods.
    RestockRow in restocks, "warehouse-db" "restocks" by key {
        key: Id,
        sku: Id,
        warehouse: Id,
        quantity: i64,
    }

    /// A bank account.
    AccountRow in accounts, "bank-db" "accounts" by owner {
        owner: Id,
        balance: i64,
        status: Id,
        opened_balance: i64,
    }

    /// Half of a movement of money.
    EntryRow in entries, "bank-db" "entries" by transaction_id {
        transaction_id: Id,
        account: Id,
        amount: i64,
    }

    /// What became of a debit's key.
    DebitRow in debits, "bank-db" "debits" by order_id {
        key: Id,
        order_id: Id,
        account: Option<Id>,
        amount: Option<i64>,
        outcome: PaymentOutcome,
        transaction_id: Option<Id>,
    }

    /// A refund, known by the debit that it undoes.
    RefundRow in refunds, "bank-db" "refunds" by debit_key {
        key: Id,
        debit_key: Id,
        amount: i64,
        transaction_id: Id,
    }

    /// DeliveryCo's parcel.
    ParcelRow in parcels, "delivery-db" "parcels" by order_id {
        order_id: Id,
        status: DeliveryStatus,
        sequence: i64,
        received_at: Option<i64>,
        picked_up_at: Option<i64>,
        in_transit_at: Option<i64>,
        delivered_at: Option<i64>,
        lost_at: Option<i64>,
        cancelled_at: Option<i64>,
        found_at: Option<i64>,
        next_move_at: Option<i64>,
    }
}

/// The alerts of each service, in a form that all of them have.
macro_rules! alerts {
    ($($name:ident in $field:ident, $database:literal;)*) => {
        rows! {
            $(
                /// An alert of a service.
                $name in $field, $database "alerts" by cause { order_id: Id, kind: Id, cause: Id }
            )*
        }
    };
}

alerts! {
    StoreAlertRow in store_alerts, "store-db";
    WarehouseAlertRow in warehouse_alerts, "warehouse-db";
    BankAlertRow in bank_alerts, "bank-db";
    DeliveryAlertRow in delivery_alerts, "delivery-db";
    EmailAlertRow in email_alerts, "email-db";
}

impl OrderRow {
    /// First arrival at each status, in the order of [`OrderStatus::ALL`].
    pub fn arrivals(&self) -> [Option<i64>; 10] {
        [
            self.pending_payment_at,
            self.paid_at,
            self.received_at,
            self.picked_up_at,
            self.in_transit_at,
            self.delivered_at,
            self.lost_at,
            self.failed_at,
            self.cancel_pending_at,
            self.cancelled_at,
        ]
    }

    /// When it first got to `status`.
    pub fn arrival(&self, status: OrderStatus) -> Option<i64> {
        self.arrivals()[status as usize]
    }
}

impl DebitRow {
    pub fn is_charged(&self) -> bool {
        self.outcome == PaymentOutcome::Debited
    }
}

impl AccountRow {
    /// Whether the Bank would refuse a refund to it.
    pub fn is_closed(&self) -> bool {
        *self.status == *AccountStatus::Closed.as_str()
    }
}
