//! The scheduler: parcels move along as time passes.
//!
//! Each move is a guarded change of its own, a few share a transaction: one that another replica was
//! faster with undoes none of the others. Between moves the worker sleeps until the earliest is due, or
//! until a parcel is accepted.

use std::time::Duration;

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::transact;
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};

use super::parcel::{Event, Parcel};
use super::{mapper, service};
use crate::context::Context;
use crate::error::Error;
use crate::messages::DeliveryStatus;
use crate::settings::Carrier;
use crate::unreadable::{self, Readings, Unreadable};

/// Parcels moved in one transaction.
const BATCH: usize = 16;

/// The rest after a failure of the database.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// The worker that moves parcels along.
pub fn worker(context: &Context) -> Worker {
    let context = context.clone();
    // Hosts draw the jitter of a worker's polls from a stream of its name, so this one stays.
    let worker = Worker::new("rounds", context.work_notify.clone(), move || {
        let context = context.clone();
        Box::pin(async move {
            match round(&context).await {
                Ok(progress) => progress,
                Err(error) => Progress::Failed {
                    why: error.to_string(),
                    retry_at: context.ports.clock.now() + AFTER_FAILURE,
                },
            }
        })
    });
    // It claims nothing, but knows of parcels of which others have not heard: they are to look.
    worker.with_hand_over(|| Box::pin(async { Ok(()) }))
}

async fn round(context: &Context) -> Result<Progress, Error> {
    transact(&context.ports, "advance_parcels", |transaction| {
        async move {
            let now = transaction.now();
            let carrier = &context.settings.carrier;
            let roll = || context.ports.rng.below("carrier", 1000);
            let is_due = |parcel: &&Parcel| {
                parcel.next_move_at.is_some_and(|at| at <= now || is_astray(at, now, carrier))
            };
            // One more than is moved, to know when to look again.
            let Readings { read: mut parcels, mut unreadable, .. } =
                mapper::next(transaction.sql(), BATCH as i64 + 1).await?;
            let due = parcels.iter().take(BATCH).take_while(is_due).count();
            let later = parcels.split_off(due);
            let mut wake_at = later.first().and_then(|parcel| parcel.next_move_at);
            let strayed = parcels.iter().any(|parcel| parcel.next_move_at > Some(now));
            // As the consumers do: then none waits for another in a circle.
            parcels.sort_by(|one, other| one.order_id.cmp(&other.order_id));
            for parcel in &parcels {
                let Some(after) = move_along(parcel, now, carrier, roll) else {
                    let key = parcel.order_id.to_string();
                    let why = format!("{} has no move left", parcel.status.as_str());
                    unreadable.push(Unreadable { key, why });
                    continue;
                };
                // Every replica goes its rounds: what another has moved meanwhile is left to it.
                if service::try_change(transaction, parcel, &after).await? {
                    wake_at = wake_at.into_iter().chain(after.next_move_at).min();
                }
            }
            for row in &unreadable {
                mapper::set_aside(transaction.sql(), &row.key).await?;
                let again = "Set aside; mended, it goes on once its next_move_at is 0";
                unreadable::tell(transaction, "parcels", row, again).await?;
            }
            let full = parcels.len() == BATCH || !unreadable.is_empty();
            Ok(if full || strayed { Progress::Worked } else { Progress::Idle(wake_at) })
        }
        .scope_boxed()
    })
    .await
}

/// A time further off than any wait can explain was set by a clock that has jumped back since: it
/// is due, or its parcel would lie about until that time comes again.
fn is_astray(time: Time, now: Time, carrier: &Carrier) -> bool {
    let longest = carrier
        .pick_up_after
        .max(carrier.depart_after)
        .max(carrier.deliver_after)
        .max(carrier.found_after);
    time > now + 2 * longest
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

    /// The statuses and times of a parcel that only the scheduler moves.
    fn journey(carrier: &Carrier, roll: u64) -> Vec<String> {
        let order = OrderId::parse("order-1").expect("well formed");
        let mut parcel = Parcel::begin(order, Event::Request, Time(0)).expect("an arrow");
        parcel.next_move_at = Some(Time(0) + carrier.pick_up_after);
        let mut stations = Vec::new();
        while let Some(now) = parcel.next_move_at {
            assert!(!is_astray(now, parcel.changed_at, carrier), "a wait as it should be");
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
    fn no_wait_is_as_long_as_that_of_a_clock_that_jumped_back() {
        let carrier = Carrier::default();
        assert!(is_astray(Time(0) + Duration::from_secs(3600), Time(0), &carrier));
        assert!(!is_astray(Time(0) + 2 * carrier.found_after, Time(0), &carrier));
    }
}
