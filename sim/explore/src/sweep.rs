//! Every fault that a run could have had: each kind at each moment that the run passed, aimed at
//! whatever has a part in the moment.
//!
//! A kind that can be told a moment is aimed at it. One that can only be told a time begins at the
//! moment's, or just before it. Kinds whose row says that they are not swept are left out.

use std::time::Duration;

use stormproof_faults::document::Document;
use stormproof_faults::moment::{Act, Passage, Side};
use stormproof_faults::table::rows;
use stormproof_faults::topology::Topology;
use stormproof_faults::units::{At, Length};
use stormproof_faults::{FaultKind, FaultRow, FaultTable, Nature, OwnKinds, TargetForm, Timing};

/// Longer than a lease, which others take over then.
const PAUSE: Duration = Duration::from_secs(25);
/// How soon who crashed or stopped is back.
const RESTART: Duration = Duration::from_secs(2);
/// How long links are cut and nodes are slow: longer than a call may take.
const WINDOW: Duration = Duration::from_secs(8);
/// How much slower a node or a link is.
const DELAY: Duration = Duration::from_millis(700);
/// By how much a request or a message is late: longer than a call may take.
const LATE: Duration = Duration::from_secs(6);

/// A fault at a moment of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement<K: OwnKinds> {
    /// The kind's key in scenarios.
    pub kind: &'static str,
    /// The fault, as a file would hold it.
    pub table: FaultTable<K>,
    /// The place of the passage that it is aimed at.
    pub passage: usize,
    /// The place of an earlier one of the same kind and target at the same instant: between the two
    /// nothing happens, so that they are one and the same fault.
    pub same_as: Option<usize>,
}

impl<K: OwnKinds> Placement<K> {
    /// What it is aimed at.
    pub fn target(&self) -> &str {
        self.table.kinds.first().map_or("", |(_, target)| target.value.as_str())
    }

    /// Whether it is told the moment, and so strikes there; else it is told a time and began before.
    pub fn is_at_moment(&self) -> bool {
        self.table.when.is_some()
    }
}

/// Every fault at a passage from the place `from` on.
pub fn placements<K: OwnKinds>(
    topology: &Topology,
    passages: &[Passage],
    from: usize,
) -> Vec<Placement<K>> {
    // A system's own kinds are aimed at no moment.
    let mut rows = rows::<K>();
    rows.retain(|row| FaultKind::of_key(row.key).is_some());
    let mut placements: Vec<Placement<K>> = Vec::new();
    for (place, passage) in passages.iter().enumerate().skip(from) {
        let first = placements
            .partition_point(|earlier| passages[earlier.passage].instant < passage.instant);
        for (row, target) in rows.iter().flat_map(|row| {
            targets(topology, row, passage).into_iter().map(move |target| (*row, target))
        }) {
            let table = table(topology, row, &target, passage);
            let is_same = |earlier: &Placement<K>| {
                let other = &passages[earlier.passage];
                earlier.kind == row.key
                    && other.service == passage.service
                    && (other.moment.side, other.moment.act)
                        == (passage.moment.side, passage.moment.act)
                    && aim(&earlier.table, row) == aim(&table, row)
            };
            let mut at_once = placements[first..].iter();
            let same_as = at_once.position(is_same).map(|place| first + place);
            placements.push(Placement { kind: row.key, table, passage: place, same_as });
        }
    }
    placements
}

/// `document` with the fault.
pub fn with<D: Document>(document: &D, placement: &Placement<D::Own>) -> D {
    let mut faults = document.faults().to_vec();
    faults.push(At::from(placement.table.clone()));
    document.with_faults(faults)
}

fn aim<'a, K: OwnKinds>(table: &'a FaultTable<K>, row: &FaultRow) -> Option<&'a str> {
    table.target_of(row).map(|target| target.value.as_str())
}

/// What a kind of fault can be aimed at here: none, if it does not concern the moment.
fn targets(topology: &Topology, row: &FaultRow, passage: &Passage) -> Vec<String> {
    let (service, moment) = (passage.service.as_str(), &passage.moment);
    let is_aimed = row.is_aimed_at(moment.side, moment.act);
    // What can only be told a time begins just before.
    let is_before = row.aims.is_empty() && moment.side == Side::Before;
    let partner = topology.partner(service, moment.act, &moment.name).map(str::to_owned);
    let (true, Some(partner)) = (row.is_swept && (is_aimed || is_before), partner) else {
        return Vec::new();
    };
    match (row.target, moment.act) {
        // Whoever passes the moment, and whoever serves it; nothing befalls clients but on their way.
        (TargetForm::Node, _) if topology.service(service).is_none() => vec![partner],
        (TargetForm::Node, _) => vec![service.to_owned(), partner],
        (TargetForm::Way, _) => vec![format!("{service} <-> {partner}")],
        (TargetForm::Pair, _) | (TargetForm::Connection | TargetForm::Call, Act::Call) => {
            vec![format!("{service} -> {partner}")]
        }
        (TargetForm::Queue, Act::Publish) => {
            topology.queues_of(&moment.name).into_iter().map(str::to_owned).collect()
        }
        (TargetForm::Database, Act::Commit) => vec![partner],
        _ => Vec::new(),
    }
}

fn table<K: OwnKinds>(
    topology: &Topology,
    row: &'static FaultRow,
    target: &str,
    passage: &Passage,
) -> FaultTable<K> {
    let mut table = FaultTable::aimed(row, target);
    let moment = &passage.moment;
    let length = |duration: Duration| Some(At::from(Length(duration)));
    // Files tell times in whole microseconds.
    let at = Duration::from_micros(u64::try_from(passage.at.as_micros()).expect("a run is short"));
    let aims = row.is_aimed_at(moment.side, moment.act);
    let own = target == passage.service || row.target != TargetForm::Node;
    match row.timing {
        _ if aims && (own || !topology.is_author(target)) => {
            table.when = Some(At::from(moment.to_string()));
            // What acts nowhere (a database, the broker) is hit by whoever passes.
            let has_author = !matches!(row.target, TargetForm::Queue | TargetForm::Database);
            let alone = own && has_author;
            table.nth = Some(At::from(if alone { passage.nth } else { passage.nth_of_all }));
        }
        // Another service does not pass the moments of this one.
        Timing::Once | Timing::Time => table.at = length(at),
        Timing::Window => {
            table.from = length(at);
            table.until = length(at + WINDOW);
        }
        Timing::Operations | Timing::Status => {
            table.from = length(at);
            table.until = length(at + Duration::from_secs(1));
        }
    }
    for key in row.needs {
        match *key {
            "restart" => table.restart = length(RESTART),
            "for" => table.lasting = length(PAUSE),
            "by" if row.nature == Nature::Condition => table.by = length(DELAY),
            "by" => table.by = length(LATE),
            _ => {}
        }
    }
    table
}
