//! Nodes that die, stop, stand still or are slow; and their return.

use std::time::Duration;

use stormproof_faults::Host as _;

use crate::World;
use crate::faults::{Fault, FaultKind, Target};
use crate::history::Kind as Event;
use crate::node::{NodeIndex, Power, Role};
use crate::sleep;

/// How long a database lets a session idle inside a transaction, and how long the broker waits for
/// a heartbeat.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);

/// Strikes each process fault at its time. One task for all of them, there even if there are none:
/// every task moves the order in which the others run, and a fault must move nothing before its
/// time.
pub(crate) fn drive(world: &World) {
    let network = world.0.nodes.network;
    let world = world.clone();
    world.clone().0.nodes.spawner(network).spawn(async move {
        let injector = &world.0.injector;
        for (at, number) in injector.schedule() {
            // Not through our clock, which counts its sleeps.
            world.0.time.sleep(at.saturating_sub(world.elapsed())).await;
            if injector.due(number).is_some_and(|fault| strike(&world, &fault)) {
                injector.has_struck(&world, number);
            }
        }
    });
}

/// Makes a process fault happen now. False if it changed nothing: its nodes were down already.
pub(crate) fn strike(world: &World, fault: &Fault) -> bool {
    let words = fault.to_string();
    let nodes = &world.0.nodes;
    let mut struck = Vec::new();
    let (Target::Node(name), back_after) = (&fault.target, fault.amount) else { return false };
    let named: Vec<_> = nodes.named(name).collect();
    for node in named {
        let hit = match fault.kind {
            FaultKind::Crash => down(world, node, Power::Crashed),
            FaultKind::Stop => down(world, node, Power::Stopped),
            FaultKind::Pause => pause(world, node, back_after),
            _ => false,
        };
        if hit {
            struck.push(node);
        }
    }
    let any = !struck.is_empty();
    if any {
        later(world, back_after, move |world| {
            let mut back = false;
            for node in struck {
                back |= up(world, node);
            }
            if back {
                world.tell(&format!("{words} heals"));
            }
        });
    }
    any
}

/// Ends a node's life; false if it had ended before.
fn down(world: &World, node: NodeIndex, how: Power) -> bool {
    let nodes = &world.0.nodes;
    if nodes.role(node) == Role::Network || !nodes.kill(node, how, world.elapsed()) {
        return false;
    }
    let word = if how == Power::Crashed { "crash" } else { "stop" };
    world.0.history.record(world.elapsed(), node, Event::Down, "", &[word]);
    match nodes.role(node) {
        Role::Replica(_) | Role::Client => world.0.broker.client_down(world, node, how),
        Role::Database(place) => world.0.databases[place].down(how),
        Role::Broker => world.0.broker.down(world, how),
        Role::Mail | Role::Network => {}
    }
    true
}

fn pause(world: &World, node: NodeIndex, length: Duration) -> bool {
    if world.0.nodes.role(node) == Role::Network || !world.0.nodes.pause(node, world.elapsed()) {
        return false;
    }
    if length > SILENCE {
        later(world, SILENCE, move |world| {
            if world.0.nodes.power(node) == Power::Paused {
                world.0.broker.client_silent(world, node);
                world.0.databases.iter().for_each(|database| database.evict(node));
            }
        });
    }
    true
}

/// Brings a node back: boots what was down, resumes what stood still.
pub(crate) fn up(world: &World, node: NodeIndex) -> bool {
    let nodes = &world.0.nodes;
    match nodes.power(node) {
        Power::Up => false,
        Power::Paused => nodes.resume(node, world.elapsed()),
        Power::Stopped | Power::Crashed => {
            if nodes.role(node) == Role::Broker {
                world.0.broker.up();
            }
            nodes.boot(node, world.elapsed());
            if matches!(nodes.role(node), Role::Database(_) | Role::Mail) {
                world.0.history.record(world.elapsed(), node, Event::Up, "", &[]);
            }
            true
        }
    }
}

/// Ends everybody, without a word: the run is over.
pub(crate) fn end(world: &World) {
    let nodes = &world.0.nodes;
    for node in nodes.all() {
        nodes.kill(node, Power::Stopped, world.elapsed());
    }
}

/// How much longer everything takes on a node.
pub(crate) fn slowness(world: &World, node: NodeIndex) -> Duration {
    world.0.injector.slowness(world, &node)
}

/// Does something later, whoever dies until then.
pub(crate) fn later(world: &World, after: Duration, deed: impl FnOnce(&World) + Send + 'static) {
    let network = world.0.nodes.network;
    let sleep = sleep::sleep(&world.0.time, after);
    let world = world.clone();
    world.0.nodes.spawner(network).spawn(async move {
        sleep.await;
        deed(&world);
    });
}
