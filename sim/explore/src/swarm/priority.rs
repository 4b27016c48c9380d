//! Storms of few faults, each at a named moment: the profile `priority`.
//!
//! Most bugs need few faults in the right places. So one to three are drawn, and the places evenly
//! from all named moments: one that a single piece of work passes is as likely as one that all do,
//! which favours rare roads over busy ones. The idea is that of probabilistic concurrency testing
//! (Burckhardt, Kothari, Musuvathi and Nagarakatte, 2010), which draws few places at which priorities
//! change; the scheduler here knows no priorities over tasks, so the places are moments.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::Storm;
use super::draw::Draw;
use crate::Profile;
use stormproof_faults::moment::Act;
use stormproof_faults::table::rows;
use stormproof_faults::topology::{InjectionPoint, Topology};
use stormproof_faults::{FaultRow, FaultTable, OwnKinds, TargetForm};
use stormproof_world::seed::Stream;

/// At most so many faults in a storm.
const FAULTS_MAX: usize = 3;

/// The faults of a storm.
pub(super) fn draw<K: OwnKinds>(stream: &mut Stream, storm: &Storm<'_, K>) -> Vec<FaultTable<K>> {
    let count = stream.random_range(1..=FAULTS_MAX);
    (0..count).filter_map(|_| draw_one(stream, storm)).collect()
}

/// `None`: there are no moments, or none of these kinds has anything to do with this one.
fn draw_one<K: OwnKinds>(stream: &mut Stream, storm: &Storm<'_, K>) -> Option<FaultTable<K>> {
    let topology = storm.topology;
    let places: Vec<_> = topology.often().flat_map(places_of).collect();
    let (point, name) = *places.choose(stream)?;
    let mut rows = rows::<K>();
    rows.retain(|row| {
        let aimed = row.aims.iter().any(|(_, act)| *act == point.act);
        aimed && row.target != TargetForm::Queue
    });
    let row = *rows.choose(stream)?;
    let mut draw = Draw { stream, storm, profile: Profile::Priority };
    let moment = draw.side_of(row, point.act, name)?;
    let target = target(draw.stream, topology, row, &point.service, name)?;
    Some(draw.finish(row, target, Some(moment)))
}

fn places_of(point: &InjectionPoint) -> impl Iterator<Item = (&InjectionPoint, &str)> {
    point.names.iter().map(move |name| (point, name.as_str()))
}

/// Whom a fault strikes when a node of `service` passes the moment `name`.
fn target(
    stream: &mut Stream,
    topology: &Topology,
    row: &FaultRow,
    service: &str,
    name: &str,
) -> Option<String> {
    let own = || Some(service.to_owned());
    let database = topology.database_of(service).map(str::to_owned);
    match row.target {
        TargetForm::Database => database,
        TargetForm::Call | TargetForm::Connection => {
            let to = topology.partner(service, Act::Call, name)?;
            Some(format!("{service} -> {to}"))
        }
        // The database whose commit it is, now and then, or the broker that has the message.
        _ => match stream.random_range(0..8) {
            0 => database.or_else(own),
            1 => topology.broker.clone().or_else(own),
            _ => own(),
        },
    }
}
