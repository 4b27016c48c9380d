//! What every clock owes.

use std::time::Duration;

use futures::future::join_all;

use super::{Check, Kept, ensure};
use crate::Clock;
use crate::time::Time;

/// Every check of this port.
pub const CHECKS: [Check; 4] = [
    Check::new("clock tells microseconds since the epoch", |ports| {
        Box::pin(tells_microseconds_since_the_epoch(&*ports.clock))
    }),
    Check::new("clock never ends a sleep early", |ports| {
        Box::pin(never_ends_a_sleep_early(&*ports.clock))
    }),
    Check::new("clock lets sleeps run side by side", |ports| {
        Box::pin(lets_sleeps_run_side_by_side(&*ports.clock))
    }),
    Check::new("clock can be left alone", |ports| Box::pin(can_be_left_alone(&*ports.clock))),
];

/// Between 2020 and 2100: another unit would be out by a factor of a thousand.
async fn tells_microseconds_since_the_epoch(clock: &dyn Clock) -> Kept {
    let (earliest, latest) = (Time(1_577_836_800_000_000), Time(4_102_444_800_000_000));
    let now = clock.now();
    ensure(earliest < now && now < latest, || format!("now is {} µs", now.0))
}

async fn never_ends_a_sleep_early(clock: &dyn Clock) -> Kept {
    for micros in [0, 1, 900, 20_000] {
        let wanted = Duration::from_micros(micros);
        let start = clock.now();
        clock.sleep(wanted).await;
        let slept = clock.now().since(start);
        ensure(slept >= wanted, || format!("asked for {wanted:?}, slept {slept:?}"))?;
    }
    Ok(())
}

/// Ten sleeps of 50 ms end together, not one after the other.
async fn lets_sleeps_run_side_by_side(clock: &dyn Clock) -> Kept {
    let each = Duration::from_millis(50);
    let start = clock.now();
    join_all((0..10).map(|_| clock.sleep(each))).await;
    let slept = clock.now().since(start);
    ensure(slept < each * 8, || format!("ten sleeps of {each:?} took {slept:?}"))
}

/// A sleep that nobody waits for any more disturbs no later one.
async fn can_be_left_alone(clock: &dyn Clock) -> Kept {
    let abandoned = Duration::from_secs(5);
    drop(clock.sleep(abandoned));
    let slept = {
        let start = clock.now();
        clock.sleep(Duration::from_millis(1)).await;
        clock.now().since(start)
    };
    ensure(slept < abandoned, || format!("a dropped sleep was waited for: {slept:?}"))
}
