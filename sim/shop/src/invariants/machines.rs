//! The four machines of an order as `protocol.md` §1 has them, written once more: the shop's own tables are
//! what is judged.

/// Where a machine begins, before its row exists.
pub const ABSENT: &str = "ABSENT";

/// From a state to those that it may move to.
type Arrows = &'static [(&'static str, &'static [&'static str])];

/// Of the customer's order. Forward skips are legal, backward moves do not exist; from CANCEL_PENDING a
/// carrier that refuses says where the parcel is.
const ORDER: Arrows = &[
    (ABSENT, &["PENDING_PAYMENT"]),
    ("PENDING_PAYMENT", &["PAID", "FAILED", "CANCEL_PENDING"]),
    ("PAID", &["RECEIVED", "PICKED_UP", "IN_TRANSIT", "DELIVERED", "LOST", "CANCEL_PENDING"]),
    ("RECEIVED", &["PICKED_UP", "IN_TRANSIT", "DELIVERED", "LOST", "CANCEL_PENDING"]),
    ("PICKED_UP", &["IN_TRANSIT", "DELIVERED", "LOST"]),
    ("IN_TRANSIT", &["DELIVERED", "LOST"]),
    ("CANCEL_PENDING", &["CANCELLED", "PICKED_UP", "IN_TRANSIT", "DELIVERED", "LOST"]),
];

/// Of the Store's view of the Bank.
const PAYMENT: Arrows = &[
    (ABSENT, &["NONE"]),
    ("NONE", &["DEBIT_INTENT"]),
    ("DEBIT_INTENT", &["DEBITED", "DECLINED", "VOIDED"]),
    ("DEBITED", &["REFUND_DUE"]),
    ("REFUND_DUE", &["REFUNDED", "PARKED"]),
    ("PARKED", &["REFUND_DUE"]),
];

/// Of the Warehouse; a release that overtook its reserve leaves a tombstone.
const RESERVATION: Arrows = &[
    (ABSENT, &["HELD", "RELEASED"]),
    ("HELD", &["COMMITTED", "RELEASED"]),
    ("COMMITTED", &["RETURNED"]),
];

/// Of DeliveryCo; a cancel that overtook its request leaves a tombstone.
const PARCEL: Arrows = &[
    (ABSENT, &["RECEIVED", "CANCELLED"]),
    ("RECEIVED", &["PICKED_UP", "CANCELLED"]),
    ("PICKED_UP", &["IN_TRANSIT", "LOST"]),
    ("IN_TRANSIT", &["DELIVERED", "LOST"]),
];

const MACHINES: [(&str, Arrows); 4] =
    [("order", ORDER), ("payment", PAYMENT), ("reservation", RESERVATION), ("parcel", PARCEL)];

/// The arrows of the machine `noun`; none of another word.
fn arrows_of(noun: &str) -> Arrows {
    MACHINES.iter().find(|(name, _)| *name == noun).map_or(&[], |(_, arrows)| *arrows)
}

/// Whether a machine has an arrow.
pub fn is_arrow(noun: &str, from: &str, to: &str) -> bool {
    arrows_of(noun).iter().any(|(state, next)| *state == from && next.contains(&to))
}

/// Whether a machine has a state.
pub fn is_state(noun: &str, state: &str) -> bool {
    let arrows = arrows_of(noun);
    arrows.iter().any(|(from, next)| *from == state || next.contains(&state))
}

/// Every arrow of every machine: (machine, from, to), in the order of their names.
pub fn arrows() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut all = Vec::new();
    for (noun, arrows) in MACHINES {
        for (from, next) in arrows {
            all.extend(next.iter().map(|to| (noun, *from, *to)));
        }
    }
    // The Store's payment begins with its order: NONE is no news.
    all.retain(|arrow| *arrow != ("payment", ABSENT, "NONE"));
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use stormproof_system::delivery::parcel;
    use stormproof_system::messages::DeliveryStatus;
    use stormproof_system::store::{order, payment};
    use stormproof_system::warehouse::reservation;

    use super::*;

    /// Where they differ, one of the two is wrong.
    #[test]
    fn the_shop_has_the_same_tables() {
        let mut shops = vec![("order", ABSENT, "PENDING_PAYMENT")];
        let (orders, payments) = (order::ARROWS.iter(), payment::ARROWS.iter());
        shops.extend(orders.map(|(from, to)| ("order", from.as_str(), to.as_str())));
        shops.extend(payments.map(|(from, to)| ("payment", from.as_str(), to.as_str())));
        for from in reservation::State::ALL {
            for verb in reservation::Verb::ALL {
                if let reservation::Step::Move(to) = reservation::step(from, verb) {
                    shops.push(("reservation", from.as_str(), to.as_str()));
                }
            }
        }
        for from in [None].into_iter().chain(DeliveryStatus::ALL.map(Some)) {
            for event in parcel::Event::ALL {
                if let Some(to) = parcel::next(from, event) {
                    let from = from.map_or(ABSENT, DeliveryStatus::as_str);
                    shops.push(("parcel", from, to.as_str()));
                }
            }
        }
        shops.sort_unstable();
        shops.dedup();
        assert_eq!(shops, arrows());
    }
}
