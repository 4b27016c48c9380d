//! Whether a run has come to rest: nobody, no message and no row of the outbox still moves.

use std::collections::BTreeMap;

use stormproof_system::messages::DEAD;

use crate::final_state::read;
use stormproof_shop::environment::Outside;
use stormproof_shop::topology;
use stormproof_world::World;

/// What still moves, in words; empty at rest. The cheap questions come first.
pub fn restless(world: &World, outside: Outside<'_>) -> Vec<String> {
    let mut moving = outside().moving;
    if !moving.is_empty() {
        return moving;
    }
    let waiting = world.broker(|broker| {
        let queues = broker.queues().filter(|queue| !queue.name().ends_with(DEAD));
        queues.map(|queue| queue.depth()).sum::<usize>() + broker.pending()
    });
    let messages = waiting + world.messages_in_flight();
    if messages > 0 {
        moving.push(format!("{messages} messages wait"));
    }
    for (database, unsent) in unsent(world) {
        match unsent {
            Some(0) => {}
            Some(count) => {
                moving.push(format!("{count} messages wait in the outbox of {database}"))
            }
            None => moving.push(format!("{database} is down")),
        }
    }
    moving
}

/// Outbox rows that were not sent, by database; `None` of one that is down.
pub(super) fn unsent(world: &World) -> BTreeMap<String, Option<i64>> {
    let count = |database: String| {
        let rows = read(world, &database, "SELECT count(*) FROM outbox WHERE status = 'NEW'");
        let count = rows.and_then(|rows| rows[0][0].as_i64());
        (database, count)
    };
    topology::databases().into_iter().map(count).collect()
}
