//! A parcel and its machine: what may become of it, without I/O.
//!
//! The carrier alone moves a parcel (`protocol.md` §1 and §5.1). When it does so is left to
//! `scheduler`, and how a change is kept and told to `service`.

use stormproof_ports::time::Time;

use crate::id::OrderId;
use crate::messages::{DeliveryStatus, DeliveryUpdate};

/// What may happen to a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Request,
    Cancel,
    PickUp,
    Depart,
    Deliver,
    Lose,
}

impl Event {
    pub const ALL: [Event; 6] =
        [Event::Request, Event::Cancel, Event::PickUp, Event::Depart, Event::Deliver, Event::Lose];
}

/// The machine: the status after `event`, or `None` where it has no arrow. The status `None` is
/// ABSENT. A cancel of an absent parcel leaves a tombstone for the request that it overtook.
pub fn next(status: Option<DeliveryStatus>, event: Event) -> Option<DeliveryStatus> {
    use DeliveryStatus::*;
    match (status, event) {
        (None, Event::Request) => Some(Received),
        (None | Some(Received), Event::Cancel) => Some(Cancelled),
        (Some(Received), Event::PickUp) => Some(PickedUp),
        (Some(PickedUp), Event::Depart) => Some(InTransit),
        (Some(InTransit), Event::Deliver) => Some(Delivered),
        (Some(PickedUp | InTransit), Event::Lose) => Some(Lost),
        _ => None,
    }
}

/// Where a parcel is, and what will become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    pub order_id: OrderId,
    pub status: DeliveryStatus,
    /// Counts its changes from 1.
    pub sequence: i64,
    /// When it last changed. Never earlier than the change before, however the clock jumps.
    pub changed_at: Time,
    /// Lost, and then turned up. It stays LOST, for the customer has the money back.
    pub found: bool,
    /// Decided on departure.
    pub will_be_lost: bool,
    /// When the scheduler moves it along; `None` when it is done with it.
    pub next_move_at: Option<Time>,
}

impl Parcel {
    /// A parcel that `event` brings into being, if there is such an arrow out of ABSENT.
    pub fn begin(order_id: OrderId, event: Event, now: Time) -> Option<Parcel> {
        next(None, event).map(|status| Parcel {
            order_id,
            status,
            sequence: 1,
            changed_at: now,
            found: false,
            will_be_lost: false,
            next_move_at: None,
        })
    }

    /// The parcel after `event`, with no further move planned; `None` if the machine refuses.
    pub fn after(&self, event: Event, now: Time) -> Option<Parcel> {
        next(Some(self.status), event).map(|status| Parcel { status, ..self.changed(now) })
    }

    /// The parcel after it turned up; `None` unless it is missing.
    pub fn find(&self, now: Time) -> Option<Parcel> {
        let missing = self.status == DeliveryStatus::Lost && !self.found;
        missing.then(|| Parcel { found: true, ..self.changed(now) })
    }

    fn changed(&self, now: Time) -> Parcel {
        Parcel {
            sequence: self.sequence + 1,
            changed_at: now.max(self.changed_at),
            next_move_at: None,
            ..self.clone()
        }
    }

    /// What the Store is told. A find is told as a delivery: whether that still matters is the
    /// Store's decision (`protocol.md` §5.5).
    pub fn update(&self) -> DeliveryUpdate {
        let status = if self.found { DeliveryStatus::Delivered } else { self.status };
        DeliveryUpdate {
            order_id: self.order_id.clone(),
            sequence: self.sequence,
            status,
            at: self.changed_at.0,
        }
    }
}

/// When a parcel first got where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    pub received_at: Option<Time>,
    pub picked_up_at: Option<Time>,
    pub in_transit_at: Option<Time>,
    pub delivered_at: Option<Time>,
    pub lost_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    pub found_at: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_machine() {
        let states = std::iter::once(None).chain(DeliveryStatus::ALL.into_iter().map(Some));
        let table: Vec<String> = states
            .map(|state| {
                let row = Event::ALL.map(|event| next(state, event).map_or("-", |to| to.as_str()));
                format!("{}: {}", state.map_or("ABSENT", |from| from.as_str()), row.join(" "))
            })
            .collect();
        // Columns: request, cancel, pick up, depart, deliver, lose.
        let expected = [
            "ABSENT: RECEIVED CANCELLED - - - -",
            "RECEIVED: - CANCELLED PICKED_UP - - -",
            "PICKED_UP: - - - IN_TRANSIT - LOST",
            "IN_TRANSIT: - - - - DELIVERED LOST",
            "DELIVERED: - - - - - -",
            "LOST: - - - - - -",
            "CANCELLED: - - - - - -",
        ];
        assert_eq!(table, expected, "\n{}", table.join("\n"));
    }

    fn parcel(events: &[Event]) -> Parcel {
        let order_id = OrderId::parse("order-1").expect("well formed");
        let first = Parcel::begin(order_id, Event::Request, Time(100)).expect("an arrow");
        events.iter().fold(first, |parcel, event| {
            parcel.after(*event, Time(parcel.changed_at.0 + 10)).expect("an arrow")
        })
    }

    #[test]
    fn every_change_is_counted_and_dated() {
        let update = parcel(&[Event::PickUp, Event::Depart]).update();
        assert_eq!((update.sequence, update.at), (3, 120));
        assert_eq!(update.status, DeliveryStatus::InTransit);
    }

    #[test]
    fn times_stay_in_order_when_the_clock_jumps_back() {
        let picked_up = parcel(&[]).after(Event::PickUp, Time(5)).expect("an arrow");
        assert_eq!(picked_up.changed_at, Time(100));
    }

    #[test]
    fn a_lost_parcel_is_found_once_and_told_as_delivered() {
        let lost = parcel(&[Event::PickUp, Event::Lose]);
        let found = lost.find(Time(500)).expect("it is missing");
        assert_eq!(found.status, DeliveryStatus::Lost);
        assert_eq!(found.update().status, DeliveryStatus::Delivered);
        assert_eq!(found.update().sequence, lost.sequence + 1);
        assert_eq!(found.find(Time(600)), None);
        assert_eq!(parcel(&[]).find(Time(600)), None);
    }
}
