//! Whether a run has come to rest: nobody, no message and no row of the outbox still moves.

use std::collections::BTreeMap;

use stormproof_system::messages::DEAD;

use crate::shop::final_state::read;
use crate::shop::judge::JudgeState;
use crate::shop::topology;
use crate::world::World;

/// What still moves, in words; empty at rest. The cheap questions come first.
pub fn restless(world: &World, state: &JudgeState) -> Vec<String> {
    let mut moving = Vec::new();
    if state.busy > 0 {
        moving.push(format!("{} people still have something to do", state.busy));
        return moving;
    }
    let truth = &state.truth;
    let open = truth.orders.iter().filter(|order| !truth.is_settled(order)).count();
    if open > 0 {
        moving.push(format!("{open} orders are not settled"));
        return moving;
    }
    let travelling = truth.parcels.iter().filter(|parcel| parcel.next_move_at.is_some()).count();
    if travelling > 0 {
        moving.push(format!("{travelling} parcels are on their way"));
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
