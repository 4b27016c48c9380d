//! Storms of few faults, each at a named moment: the profile `priority`.
//!
//! Most bugs need few faults in the right places. So one to three are drawn, and the places evenly
//! from all named moments: one that a single order passes is as likely as one that every order
//! does, which favours rare roads over busy ones. The idea is that of probabilistic concurrency
//! testing (Burckhardt, Kothari, Musuvathi and Nagarakatte, 2010), which draws few places at which
//! priorities change; the scheduler here knows no priorities over tasks, so the places are moments.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::Profile;
use super::faults::Draw;
use crate::shop::moments::MOMENTS;
use crate::shop::scenario::tables::{Document, FaultTable};
use crate::shop::scenario::{SHAPES, Shape, Target};
use crate::shop::topology;
use crate::storm::moment::Moment;
use crate::world::seed::Stream;

/// At most so many faults in a storm.
const FAULTS_MAX: usize = 3;

/// The faults of a storm.
pub(super) fn draw(stream: &mut Stream, document: &Document) -> Vec<FaultTable> {
    let count = stream.random_range(1..=FAULTS_MAX);
    (0..count).filter_map(|_| draw_one(stream, document)).collect()
}

fn draw_one(stream: &mut Stream, document: &Document) -> Option<FaultTable> {
    let places = MOMENTS.iter().flat_map(|row| row.names.iter().map(move |name| (row, *name)));
    let places: Vec<_> = places.collect();
    let (row, name) = *places.choose(stream).expect("there are moments");
    let fits = |shape: &&'static Shape| {
        let aimed = shape.aims().iter().any(|(_, act)| *act == row.act);
        aimed && shape.target != Target::Queue
    };
    let shapes: Vec<_> = SHAPES.iter().filter(fits).collect();
    let shape = *shapes.choose(stream).expect("processes end at any moment");
    let sides: Vec<_> = shape.aims().iter().filter(|(_, act)| *act == row.act).collect();
    let (side, act) = **sides.choose(stream).expect("it is aimed at this act");
    let target = target(stream, shape, row.service, name);
    let moment = Moment::new(side, act, name);
    Draw { stream, document, profile: Profile::Priority }.finish(shape, target, Some(moment))
}

/// Whom a fault strikes when a node of `service` passes the moment `name`.
fn target(stream: &mut Stream, shape: &Shape, service: &str, name: &str) -> String {
    match shape.target {
        Target::Database => topology::database_of(service),
        Target::Call | Target::Connection => {
            let call = topology::CALLS.iter().find(|(from, _, of)| (*from, *of) == (service, name));
            let (from, to, _) = call.expect("whoever passes a call makes it");
            format!("{from} -> {to}")
        }
        // The database whose commit it is, now and then, or the broker that has the message.
        _ => match stream.random_range(0..8) {
            0 => topology::database_of(service),
            1 => topology::BROKER.to_owned(),
            _ => service.to_owned(),
        },
    }
}
