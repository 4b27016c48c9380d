//! An order as its customer sees it, and its machine (`protocol.md` §1). Pure.

use stormproof_ports::time::Time;

use crate::error::Error;
use crate::id::{OrderId, Sku, UserId};
use crate::messages::DeliveryStatus;
use crate::money::Money;

/// The customer-visible status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderStatus {
    PendingPayment,
    Paid,
    Received,
    PickedUp,
    InTransit,
    Delivered,
    Lost,
    Failed,
    CancelPending,
    Cancelled,
}

use OrderStatus::*;

/// Every legal move. Forward skips are legal, backward moves do not exist; what leaves
/// CANCEL_PENDING is the carrier's word.
pub const ARROWS: [(OrderStatus, OrderStatus); 24] = [
    (PendingPayment, Paid),
    (PendingPayment, Failed),
    (PendingPayment, CancelPending),
    (Paid, Received),
    (Paid, PickedUp),
    (Paid, InTransit),
    (Paid, Delivered),
    (Paid, Lost),
    (Paid, CancelPending),
    (Received, PickedUp),
    (Received, InTransit),
    (Received, Delivered),
    (Received, Lost),
    (Received, CancelPending),
    (PickedUp, InTransit),
    (PickedUp, Delivered),
    (PickedUp, Lost),
    (InTransit, Delivered),
    (InTransit, Lost),
    (CancelPending, PickedUp),
    (CancelPending, InTransit),
    (CancelPending, Delivered),
    (CancelPending, Lost),
    (CancelPending, Cancelled),
];

impl OrderStatus {
    /// In the order of the timeline.
    pub const ALL: [OrderStatus; 10] = [
        PendingPayment,
        Paid,
        Received,
        PickedUp,
        InTransit,
        Delivered,
        Lost,
        Failed,
        CancelPending,
        Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PendingPayment => "PENDING_PAYMENT",
            Paid => "PAID",
            Received => "RECEIVED",
            PickedUp => "PICKED_UP",
            InTransit => "IN_TRANSIT",
            Delivered => "DELIVERED",
            Lost => "LOST",
            Failed => "FAILED",
            CancelPending => "CANCEL_PENDING",
            Cancelled => "CANCELLED",
        }
    }

    pub fn parse(text: &str) -> Option<OrderStatus> {
        OrderStatus::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Nothing leaves it.
    pub fn is_terminal(self) -> bool {
        !ARROWS.iter().any(|(from, _)| *from == self)
    }

    pub fn may_become(self, next: OrderStatus) -> bool {
        ARROWS.contains(&(self, next))
    }

    /// The status that a carrier's word stands for; `None` for CANCELLED, which is for the saga.
    fn of_carrier(word: DeliveryStatus) -> Option<OrderStatus> {
        match word {
            DeliveryStatus::Received => Some(Received),
            DeliveryStatus::PickedUp => Some(PickedUp),
            DeliveryStatus::InTransit => Some(InTransit),
            DeliveryStatus::Delivered => Some(Delivered),
            DeliveryStatus::Lost => Some(Lost),
            DeliveryStatus::Cancelled => None,
        }
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub id: OrderId,
    pub user: UserId,
    pub email: String,
    pub status: OrderStatus,
    pub total: Money,
    /// Why it failed or is being cancelled; empty while all is well.
    pub reason: String,
    /// The last carrier's update applied.
    pub carrier_sequence: i64,
    /// Raised by every write of the order, its payment, its saga or its allocation.
    pub version: i64,
    /// First arrival at each status, in the order of [`OrderStatus::ALL`].
    pub arrivals: [Option<i64>; 10],
}

/// One product of an order, at the price of its day.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderLine {
    pub sku: Sku,
    pub name: String,
    pub quantity: i64,
    pub price: Money,
}

/// What a carrier's update does to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarrierWord {
    /// The order moves there.
    Moves(OrderStatus),
    /// The carrier agreed to cancel.
    AgreesToCancel,
    /// Lost, then delivered after all: stays LOST, people look.
    FoundAgain,
    /// Delivered, then reported lost: ignored, people look.
    LostAfterDelivery,
    /// Fills its own timestamp and changes nothing else.
    Late,
}

/// Reads a carrier's update that is newer than all applied so far (`protocol.md` §5.1, §5.5).
pub fn read_carrier(status: OrderStatus, word: DeliveryStatus) -> CarrierWord {
    match OrderStatus::of_carrier(word) {
        None if status == CancelPending => CarrierWord::AgreesToCancel,
        None => CarrierWord::Late,
        Some(Delivered) if status == Lost => CarrierWord::FoundAgain,
        Some(Lost) if status == Delivered => CarrierWord::LostAfterDelivery,
        Some(next) if status.may_become(next) => CarrierWord::Moves(next),
        Some(_) => CarrierWord::Late,
    }
}

impl Order {
    /// Moves along an arrow; any other move is a bug of ours.
    pub fn become_status(&mut self, next: OrderStatus, at: Time) {
        assert!(
            self.status.may_become(next),
            "no arrow leads from {} to {}",
            self.status.as_str(),
            next.as_str()
        );
        self.status = next;
        self.arrived(next, at);
    }

    /// Notes a first arrival; later ones change nothing.
    pub fn arrived(&mut self, status: OrderStatus, at: Time) {
        self.arrivals[status as usize].get_or_insert(at.0);
    }

    /// Notes the time of a carrier's update that came late.
    pub fn carrier_was_at(&mut self, word: DeliveryStatus, at: Time) {
        if let Some(status) = OrderStatus::of_carrier(word) {
            self.arrived(status, at);
        }
    }
}

/// The sum of the lines.
pub fn total(lines: &[OrderLine]) -> Result<Money, Error> {
    let mut sums = lines.iter().map(|line| line.price.times(line.quantity));
    let first = sums.next().unwrap_or_else(|| Err(Error::invalid("an order needs a line")))?;
    sums.try_fold(first, |sum, line| sum.plus(line?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_the_protocols() {
        let table: Vec<String> = OrderStatus::ALL
            .into_iter()
            .map(|from| {
                let next: Vec<_> = OrderStatus::ALL
                    .into_iter()
                    .filter(|next| from.may_become(*next))
                    .map(OrderStatus::as_str)
                    .collect();
                format!("{} -> {}", from.as_str(), next.join(" "))
            })
            .collect();
        let expected = "PENDING_PAYMENT -> PAID FAILED CANCEL_PENDING\n\
            PAID -> RECEIVED PICKED_UP IN_TRANSIT DELIVERED LOST CANCEL_PENDING\n\
            RECEIVED -> PICKED_UP IN_TRANSIT DELIVERED LOST CANCEL_PENDING\n\
            PICKED_UP -> IN_TRANSIT DELIVERED LOST\n\
            IN_TRANSIT -> DELIVERED LOST\n\
            DELIVERED -> \n\
            LOST -> \n\
            FAILED -> \n\
            CANCEL_PENDING -> PICKED_UP IN_TRANSIT DELIVERED LOST CANCELLED\n\
            CANCELLED -> ";
        assert_eq!(table.join("\n"), expected);
    }

    #[test]
    fn every_word_of_the_carrier_in_every_status() {
        use CarrierWord::*;
        for status in OrderStatus::ALL {
            for word in DeliveryStatus::ALL {
                let expected = match (status, word) {
                    (CancelPending, DeliveryStatus::Cancelled) => AgreesToCancel,
                    (OrderStatus::Lost, DeliveryStatus::Delivered) => FoundAgain,
                    (Delivered, DeliveryStatus::Lost) => LostAfterDelivery,
                    (_, DeliveryStatus::Cancelled) => Late,
                    (CancelPending, DeliveryStatus::Received) => Late,
                    (PendingPayment | Delivered | OrderStatus::Lost | Failed | Cancelled, _) => {
                        Late
                    }
                    (at, word) => {
                        let next = OrderStatus::of_carrier(word).expect("not CANCELLED");
                        if at < next || at == CancelPending { Moves(next) } else { Late }
                    }
                };
                assert_eq!(read_carrier(status, word), expected, "{status:?} {word:?}");
            }
        }
    }
}
