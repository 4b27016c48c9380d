//! How rest is waited for: looked for where something happens, seldom where nothing does.

use std::cell::Cell;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_quiet_hour_is_looked_at_seldom() {
    let (looks, rested) = run(spec(1, vec![]), |world| async move {
        let looks = Cell::new(0);
        let begin = world.elapsed();
        let moves = || {
            looks.set(looks.get() + 1);
            world.elapsed() - begin < HOUR
        };
        let rested = world.rest(2 * HOUR, moves).await.expect("an hour passes");
        (looks.get(), rested - begin)
    });
    assert!((HOUR..HOUR + 20 * SECOND).contains(&rested), "{rested:?}");
    assert!(looks < 500, "{looks} looks");
}

/// At a time that no look happens to fall on.
#[test]
fn what_ends_with_an_event_is_seen_to_rest_two_seconds_later() {
    const LATE: Duration = Duration::from_secs(3607);
    let rested = run(spec(1, vec![]), |world| async move {
        let ports = world.ports("user");
        let visit = world.spawn("user", async move {
            ports.clock.sleep(LATE).await;
            ports.http.call(call("add", "/add/late", 5 * SECOND)).await.is_ok()
        });
        let begin = world.elapsed();
        world.rest(2 * HOUR, || !visit.is_finished()).await.expect("it ends") - begin
    });
    assert!((LATE + SECOND..LATE + 3 * SECOND).contains(&rested), "{rested:?}");
}

#[test]
fn what_does_not_come_to_rest_is_not_waited_for_beyond_the_bound() {
    let (rested, waited) = run(spec(1, vec![]), |world| async move {
        let begin = world.elapsed();
        (world.rest(HOUR, || true).await, world.elapsed() - begin)
    });
    assert_eq!(rested, None);
    assert!((HOUR..HOUR + 2 * SECOND).contains(&waited), "{waited:?}");
}
