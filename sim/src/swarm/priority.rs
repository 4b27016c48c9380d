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
use stormproof_faults::moment::Moment;
use stormproof_faults::{FaultRow, TargetForm};
use stormproof_shop::moments::MOMENTS;
use stormproof_shop::scenario::fault_rows;
use stormproof_shop::scenario::tables::{Document, FaultTable};
use stormproof_shop::topology;
use stormproof_world::seed::Stream;

/// At most so many faults in a storm.
const FAULTS_MAX: usize = 3;

/// The faults of a storm.
pub(super) fn draw(stream: &mut Stream, document: &Document) -> Vec<FaultTable> {
    let count = stream.random_range(1..=FAULTS_MAX);
    (0..count).map(|_| draw_one(stream, document)).collect()
}

fn draw_one(stream: &mut Stream, document: &Document) -> FaultTable {
    let places = MOMENTS.iter().flat_map(|row| row.names.iter().map(move |name| (row, *name)));
    let places: Vec<_> = places.collect();
    let (place, name) = *places.choose(stream).expect("there are moments");
    let mut rows = fault_rows();
    rows.retain(|row| {
        let aimed = row.aims.iter().any(|(_, act)| *act == place.act);
        aimed && row.target != TargetForm::Queue
    });
    let row = *rows.choose(stream).expect("processes end at any moment");
    let sides: Vec<_> = row.aims.iter().filter(|(_, act)| *act == place.act).collect();
    let (side, act) = **sides.choose(stream).expect("it is aimed at this act");
    let target = target(stream, row, place.service, name);
    let moment = Moment::new(side, act, name);
    Draw { stream, document, profile: Profile::Priority }.finish(row, target, Some(moment))
}

/// Whom a fault strikes when a node of `service` passes the moment `name`.
fn target(stream: &mut Stream, row: &FaultRow, service: &str, name: &str) -> String {
    match row.target {
        TargetForm::Database => topology::database_of(service),
        TargetForm::Call | TargetForm::Connection => {
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
