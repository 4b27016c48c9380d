//! The rounds: parcels move along as time passes.
//!
//! Each move is a guarded change of its own, a few share a transaction. Between moves the worker
//! sleeps until the earliest is due, or until a parcel is accepted and the bell rings.

use std::time::Duration;

use scoped_futures::ScopedFutureExt;

use super::parcel::{Event, Parcel};
use super::{mapper, service};
use crate::error::Error;
use crate::messages::DeliveryStatus;
use crate::ports::Ports;
use crate::settings::Carrier;
use crate::time::Time;
use crate::transaction::transact;
use crate::worker::{Progress, Worker};

/// Parcels moved in one transaction.
const BATCH: usize = 16;

/// The rest after a failure of the database.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// The worker that makes the rounds.
pub fn worker(ports: &Ports) -> Worker {
    let ports = ports.clone();
    Worker::new("rounds", ports.work_bell.clone(), move || {
        let ports = ports.clone();
        Box::pin(async move {
            match round(&ports).await {
                Ok(progress) => progress,
                Err(_) => Progress::Idle(Some(ports.clock.now() + AFTER_FAILURE)),
            }
        })
    })
}

/// One statement finds both the due parcels and the time of the one after them.
async fn round(ports: &Ports) -> Result<Progress, Error> {
    transact(ports, |transaction| {
        async move {
            let now = transaction.now();
            let carrier = &ports.settings.carrier;
            let roll = || ports.rng.below("carrier", 1000);
            let parcels = mapper::earliest(transaction.sql(), BATCH as i64 + 1).await?;
            let due = parcels.iter().take_while(|parcel| is_due(parcel, now, carrier)).count();
            let mut wake_at = parcels.get(due).and_then(|parcel| parcel.next_move_at);
            for parcel in &parcels[..due.min(BATCH)] {
                let after = move_along(parcel, now, carrier, roll)
                    .expect("only parcels with a move left are given a time for it");
                service::change(transaction, parcel, &after).await?;
                wake_at = wake_at.into_iter().chain(after.next_move_at).min();
            }
            Ok(if due > BATCH { Progress::Worked } else { Progress::Idle(wake_at) })
        }
        .scope_boxed()
    })
    .await
}

/// A time further off than any wait can explain was set by a clock that has jumped back since.
/// Without the second rule such a parcel would lie about until that time comes again.
fn is_due(parcel: &Parcel, now: Time, carrier: &Carrier) -> bool {
    let longest = carrier
        .pick_up_after
        .max(carrier.depart_after)
        .max(carrier.deliver_after)
        .max(carrier.found_after);
    parcel.next_move_at.is_some_and(|time| time <= now || time > now + 2 * longest)
}

/// The parcel after its next move, and when the one after that is due. `roll` draws below 1000.
fn move_along(
    parcel: &Parcel,
    now: Time,
    carrier: &Carrier,
    roll: impl Fn() -> u64,
) -> Option<Parcel> {
    Some(match parcel.status {
        DeliveryStatus::Received => Parcel {
            next_move_at: Some(now + carrier.depart_after),
            ..parcel.after(Event::PickUp, now)?
        },
        DeliveryStatus::PickedUp => Parcel {
            next_move_at: Some(now + carrier.deliver_after),
            will_be_lost: roll() < carrier.lost_per_mille,
            ..parcel.after(Event::Depart, now)?
        },
        DeliveryStatus::InTransit if parcel.will_be_lost => Parcel {
            next_move_at: (roll() < carrier.found_per_mille).then(|| now + carrier.found_after),
            ..parcel.after(Event::Lose, now)?
        },
        DeliveryStatus::InTransit => parcel.after(Event::Deliver, now)?,
        DeliveryStatus::Lost => parcel.find(now)?,
        DeliveryStatus::Delivered | DeliveryStatus::Cancelled => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::OrderId;

    /// The statuses and times of a parcel that only the rounds move.
    fn journey(carrier: &Carrier, roll: u64) -> Vec<String> {
        let order = OrderId::parse("order-1").expect("well formed");
        let mut parcel = Parcel::begin(order, Event::Request, Time(0)).expect("an arrow");
        parcel.next_move_at = Some(Time(0) + carrier.pick_up_after);
        let mut stations = Vec::new();
        while let Some(now) = parcel.next_move_at {
            assert!(is_due(&parcel, now, carrier) && !is_due(&parcel, Time(now.0 - 1), carrier));
            parcel = move_along(&parcel, now, carrier, || roll).expect("a move is due");
            let found = if parcel.found { " found" } else { "" };
            stations.push(format!("{} {}{found}", now.seconds(), parcel.status.as_str()));
        }
        stations
    }

    #[test]
    fn a_parcel_is_delivered_in_its_time() {
        let carrier = Carrier { lost_per_mille: 500, ..Carrier::default() };
        assert_eq!(journey(&carrier, 500), ["10 PICKED_UP", "20 IN_TRANSIT", "40 DELIVERED"]);
    }

    #[test]
    fn a_parcel_is_lost_and_perhaps_found() {
        let carrier = Carrier { lost_per_mille: 500, ..Carrier::default() };
        assert_eq!(journey(&carrier, 499), ["10 PICKED_UP", "20 IN_TRANSIT", "40 LOST"]);
        let carrier = Carrier { found_per_mille: 500, ..carrier };
        assert_eq!(
            journey(&carrier, 499),
            ["10 PICKED_UP", "20 IN_TRANSIT", "40 LOST", "100 LOST found"]
        );
    }

    #[test]
    fn a_clock_that_jumped_back_strands_no_parcel() {
        let carrier = Carrier::default();
        let order = OrderId::parse("order-1").expect("well formed");
        let mut parcel = Parcel::begin(order, Event::Request, Time(0)).expect("an arrow");
        parcel.next_move_at = Some(Time(0) + Duration::from_secs(3600));
        assert!(is_due(&parcel, Time(0), &carrier));
    }
}
