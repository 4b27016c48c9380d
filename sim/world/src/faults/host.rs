//! What the fault engine may ask of a world, and what becomes of those who pass a moment.

use std::sync::Arc;
use std::time::Duration;

use stormproof_faults::{Aimed, Host};

use crate::World;
use crate::faults::{Fault, process};
use crate::moment::{Act, Side};
use crate::node::{Life, NodeIndex, Role};

impl Host for World {
    type Node = NodeIndex;

    fn now(&self) -> Option<Duration> {
        Some(self.elapsed())
    }

    fn tell(&self, words: &str) {
        self.0.history.say(self.elapsed(), NodeIndex::FAULT, "", words);
    }

    fn is_named(&self, node: &NodeIndex, name: &str) -> bool {
        self.0.nodes.is(*node, name)
    }

    fn has_acts(&self, name: &str) -> bool {
        let nodes = &self.0.nodes;
        nodes.named(name).any(|it| matches!(nodes.role(it), Role::Replica(_) | Role::Client))
    }

    fn name(&self, node: &NodeIndex) -> String {
        self.0.nodes.name(*node).to_string()
    }

    fn service(&self, node: &NodeIndex) -> Arc<str> {
        self.0.nodes.group(*node).clone()
    }

    fn events(&self) -> u64 {
        self.0.history.events()
    }

    fn expire_after(&self, after: Duration, number: usize) {
        process::later(self, after, move |world| world.0.injector.expire(world, number));
    }
}

/// Passes a moment of `life`: its node may die here (then this never returns) or stand still.
/// Returns the fault of the operation itself that was aimed at this moment, if any. `name` is the
/// moment's name in words.
pub(crate) async fn pass(
    world: &World,
    life: Life,
    side: Side,
    act: Act,
    name: &[&str],
) -> Option<Fault> {
    let (nodes, injector) = (&world.0.nodes, &world.0.injector);
    if !nodes.is_alive(life) {
        std::future::pending::<()>().await;
    }
    match injector.pass(world, &life.node, side, act, name)? {
        Aimed::Operation(fault) => Some(fault),
        Aimed::Process(number, fault) => {
            if process::strike(world, &fault) {
                injector.has_struck(world, number);
            }
            match nodes.is_alive(life) {
                // A paused node stops as soon as it yields.
                true => madsim::task::yield_now().await,
                false => std::future::pending::<()>().await,
            }
            None
        }
    }
}
