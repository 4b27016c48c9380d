//! Storm, calm, and rest.

use std::time::Duration;

use stormproof_faults::Host as _;

use crate::World;
use crate::faults::process;
use crate::sleep::{sleep, within};

/// How often a fact is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long whoever waits for rest lets pass without a look at the most, while no event comes.
const QUIET_MAX: Duration = Duration::from_secs(16);

/// Ends the storm.
pub(super) async fn heal_all(world: &World) {
    world.0.injector.end(world);
    let nodes = &world.0.nodes;
    for node in nodes.all() {
        if process::up(world, node) {
            world.tell(&format!("{} is up again", nodes.name(node)));
        }
    }
    world.0.broker.release_held();
}

/// Looks at a fact until it holds, or too long.
pub(super) async fn until(
    world: &World,
    bound: Duration,
    mut fact: impl FnMut() -> bool,
) -> Option<Duration> {
    let end = world.elapsed() + bound;
    loop {
        if fact() {
            return Some(world.elapsed());
        }
        if world.elapsed() >= end {
            return None;
        }
        sleep(&world.0.time, LOOK_EVERY).await;
    }
}

/// Waits until nothing moves at two looks in a row: a node that has just woken has had time to go on with
/// what it was at.
pub(super) async fn rest(
    world: &World,
    bound: Duration,
    mut moves: impl FnMut() -> bool,
) -> Option<Duration> {
    let (time, history) = (&world.0.time, &world.0.history);
    let begin = world.elapsed();
    let mut still = 0;
    loop {
        still = if moves() { 0 } else { still + 1 };
        let waited = world.elapsed() - begin;
        if still == 2 {
            return Some(world.elapsed());
        }
        if waited >= bound {
            return None;
        }
        let events = history.events();
        sleep(time, LOOK_EVERY).await;
        if still == 0 && history.events() == events {
            // What moves comes to rest by an event, or has its time.
            let longest = QUIET_MAX.min((begin + bound).saturating_sub(world.elapsed()));
            within(time, longest, history.next_event()).await;
            let beyond = (world.elapsed() - begin).as_nanos() % LOOK_EVERY.as_nanos();
            let beyond = u64::try_from(beyond).expect("less than a second");
            sleep(time, LOOK_EVERY - Duration::from_nanos(beyond)).await;
        }
    }
}
