//! Storm, calm, and rest.

use std::time::Duration;

use stormproof_faults::Host as _;

use crate::World;
use crate::faults::process;
use crate::sleep::sleep;

/// How often a fact is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
